using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace FedLLM.Engine.Files;

/// <summary>
/// Reads a safetensors file (https://github.com/huggingface/safetensors#format): the header when opened, a tensor's bytes when asked, straight into the destination.
/// Reads may run side by side on several threads.
/// </summary>
/// <remarks>Written for little-endian machines, as the format is.</remarks>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>Bytes converted at a time where a tensor is not float32.</summary>
    private const int ChunkBytes = 1 << 16;

    private readonly SafeFileHandle? _handle;
    private readonly ReadOnlyMemory<byte> _memory;
    private readonly long _dataStart;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(string path, SafeFileHandle? handle, ReadOnlyMemory<byte> memory, long length)
    {
        Path = path;
        _handle = handle;
        _memory = memory;
        if (length < 8)
        {
            throw new InputFileException(path, null, $"is {length} bytes long, too short for a safetensors file", Remedy);
        }

        Span<byte> prefix = stackalloc byte[8];
        ReadBytes(0, prefix);
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxBytes || headerLength > (ulong)(length - 8))
        {
            string problem = headerLength > (ulong)(length - 8)
                ? $"the header claims {headerLength} bytes, but the file holds {length - 8} after its length: it is truncated, damaged, or no safetensors file"
                : $"the header claims {headerLength} bytes; at most {SafetensorsHeader.MaxBytes} are allowed";
            throw new InputFileException(path, "byte 0", problem, Remedy);
        }

        byte[] header = new byte[(int)headerLength];
        ReadBytes(8, header);
        _dataStart = 8 + (long)headerLength;
        (List<SafetensorsEntry> entries, Dictionary<string, string> metadata) = SafetensorsHeader.Parse(path, header, length - _dataStart);
        Entries = entries;
        Metadata = metadata;
        _byName = entries.ToDictionary(e => e.Name, StringComparer.Ordinal);
    }

    /// <summary>The file's path, as given.</summary>
    public string Path { get; }

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The tensors' names in the order of their bytes.</summary>
    public IEnumerable<string> Names => Entries.Select(e => e.Name);

    /// <summary>The header's <c>__metadata__</c>; empty where it is absent.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    private static string Remedy => "Download or convert the file again";

    /// <summary>Returns the named tensor's entry.</summary>
    /// <exception cref="InputFileException">The file has no tensor of that name.</exception>
    public SafetensorsEntry this[string name] => _byName.TryGetValue(name, out SafetensorsEntry? entry)
        ? entry
        : throw new InputFileException(Path, null, $"has no tensor {InputFileException.Quote(name)}", "Check that this is the right file");

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InputFileException">The file cannot be read or its header is not valid.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        SafeFileHandle handle = InputFile.Open(path, out long length);
        try
        {
            return new SafetensorsFile(path, handle, default, length);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Fills <paramref name="values"/> from a file that begins with <paramref name="header"/> (<see cref="SafetensorsWriter.HeaderOf"/>) and holds nothing else, without
    /// reading the header as text and with no garbage to speak of; false where it is another file.
    /// </summary>
    /// <exception cref="InputFileException">The file cannot be read.</exception>
    public static bool TryFill(string path, ReadOnlySpan<byte> header, Span<float> values)
    {
        const int MostBytes = 1 << 14;
        ArgumentNullException.ThrowIfNull(path);
        using SafeFileHandle handle = InputFile.Open(path, out long length);
        if (length != header.Length + (sizeof(float) * (long)values.Length))
        {
            return false;
        }

        Span<byte> buffer = stackalloc byte[MostBytes];
        for (int at = 0; at < header.Length; at += MostBytes)
        {
            Span<byte> part = buffer[..Math.Min(MostBytes, header.Length - at)];
            InputFile.ReadExactly(handle, path, at, part);
            if (!part.SequenceEqual(header.Slice(at, part.Length)))
            {
                return false;
            }
        }

        InputFile.ReadExactly(handle, path, header.Length, MemoryMarshal.AsBytes(values));
        return true;
    }

    /// <summary>Reads a file that lies in memory.</summary>
    /// <param name="bytes">The whole file; not copied.</param>
    /// <param name="path">Names it in errors.</param>
    /// <exception cref="InputFileException">The header is not valid.</exception>
    public static SafetensorsFile FromMemory(ReadOnlyMemory<byte> bytes, string path = "memory") => new(path, null, bytes, bytes.Length);

    /// <summary>Whether the file has a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>Reads a tensor of floats as float32: F16 and BF16 exactly, F64 rounded to the nearest.</summary>
    /// <exception cref="InputFileException">There is no such tensor, it does not hold floats, or it has more elements than one array holds.</exception>
    public float[] ReadFloat32(string name)
    {
        SafetensorsEntry entry = Floats(name);
        if (entry.Count > Array.MaxLength)
        {
            throw new InputFileException(Path, $"tensor {InputFileException.Quote(name)}", $"holds {entry.Count} elements; at most {Array.MaxLength} can be read", "Use a smaller model");
        }

        float[] values = new float[entry.Count];
        ReadInto(name, values);
        return values;
    }

    /// <summary>Reads <paramref name="destination"/>.Length elements of a tensor of floats as float32, from element <paramref name="start"/> on.</summary>
    /// <exception cref="InputFileException">There is no such tensor or it does not hold floats.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor has no such elements.</exception>
    public void ReadInto(string name, Span<float> destination, long start = 0)
    {
        SafetensorsEntry entry = Floats(name);
        CheckRange(entry, start, destination.Length);
        int size = entry.Type.ByteSize();
        long position = _dataStart + entry.Offset + (start * size);
        if (entry.Type == TensorType.F32)
        {
            // In pieces: the byte count of a large destination does not fit one span.
            for (int at = 0; at < destination.Length; at += 1 << 28)
            {
                Span<float> piece = destination.Slice(at, Math.Min(1 << 28, destination.Length - at));
                ReadBytes(position + (4L * at), MemoryMarshal.AsBytes(piece));
            }

            return;
        }

        byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        for (int at = 0; at < destination.Length; at += ChunkBytes / size)
        {
            Span<float> piece = destination.Slice(at, Math.Min(ChunkBytes / size, destination.Length - at));
            Span<byte> bytes = chunk.AsSpan(0, piece.Length * size);
            ReadBytes(position + ((long)at * size), bytes);
            FloatConversion.ToFloat32(entry.Type, bytes, piece);
        }

        ArrayPool<byte>.Shared.Return(chunk);
    }

    /// <summary>Reads a tensor of 64-bit integers.</summary>
    /// <exception cref="InputFileException">There is no such tensor, it is not I64, or it has more elements than one array holds.</exception>
    public long[] ReadInt64(string name)
    {
        SafetensorsEntry entry = this[name];
        if (entry.Type != TensorType.I64 || entry.Count > Array.MaxLength / 8)
        {
            throw new InputFileException(Path, $"tensor {InputFileException.Quote(name)}", $"holds {entry.Count} elements of {entry.Type}; at most {Array.MaxLength / 8} of I64 are expected", Remedy);
        }

        long[] values = new long[entry.Count];
        ReadBytes(_dataStart + entry.Offset, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Reads raw little-endian elements of a tensor of any type, from byte <paramref name="start"/> of it on.</summary>
    /// <exception cref="InputFileException">There is no such tensor.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor has no such bytes.</exception>
    public void ReadRaw(string name, Span<byte> destination, long start = 0)
    {
        SafetensorsEntry entry = this[name];
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, entry.ByteCount - destination.Length);
        ReadBytes(_dataStart + entry.Offset + start, destination);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle?.Dispose();

    private static void CheckRange(SafetensorsEntry entry, long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, entry.Count - length);
    }

    private SafetensorsEntry Floats(string name)
    {
        SafetensorsEntry entry = this[name];
        return entry.Type.IsFloat()
            ? entry
            : throw new InputFileException(Path, $"tensor {InputFileException.Quote(name)}", $"holds {entry.Type}; F32, F16, BF16 or F64 is expected", "Use weights that are not quantized");
    }

    private void ReadBytes(long offset, Span<byte> destination)
    {
        if (_handle is null)
        {
            _memory.Span.Slice((int)offset, destination.Length).CopyTo(destination);
        }
        else
        {
            InputFile.ReadExactly(_handle, Path, offset, destination);
        }
    }
}
