using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>One tensor to write.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="Values">Its elements, row-major.</param>
internal readonly record struct NamedTensor(string Name, IReadOnlyList<int> Shape, ReadOnlyMemory<float> Values);

/// <summary>
/// Writes safetensors files in one canonical form, so that equal tensors give equal bytes and one hash: names in ordinal order, the metadata <c>{"format":"pt"}</c>,
/// no spaces in the header but those that pad it to 8 bytes. They are the bytes that the reference implementation writes for the same tensors.
/// </summary>
/// <remarks>Written for little-endian machines, as the format is.</remarks>
public static class SafetensorsWriter
{
    private const int ChunkElements = 1 << 14;

    /// <summary>Writes the tensors, F32 exactly or BF16 rounded to the nearest (ties to even).</summary>
    /// <param name="stream">Where to write.</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="type">F32 or BF16.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="type"/> is another.</exception>
    public static void Write(Stream stream, TensorSet tensors, TensorType type = TensorType.F32) => Write(stream, Named(tensors), type);

    /// <summary>Writes a file as one step: it is there whole or not at all.</summary>
    /// <returns>The SHA-256 of the file, in lower-case hexadecimal.</returns>
    /// <exception cref="InputFileException">The file cannot be written.</exception>
    public static string WriteFile(string path, TensorSet tensors, TensorType type = TensorType.F32)
    {
        string hash = string.Empty;
        AtomicFile.Write(path, stream => hash = WriteHashed(stream, Named(tensors), type));
        return hash;
    }

    /// <summary>Returns the file's bytes.</summary>
    public static byte[] ToBytes(TensorSet tensors, TensorType type = TensorType.F32)
    {
        using var stream = new MemoryStream();
        Write(stream, tensors, type);
        return stream.ToArray();
    }

    /// <summary>Returns the SHA-256 of the file's bytes, in lower-case hexadecimal, without holding them.</summary>
    public static string Hash(TensorSet tensors, TensorType type = TensorType.F32) => WriteHashed(Stream.Null, Named(tensors), type);

    /// <summary>Writes the tensors and returns the SHA-256 of what was written, in lower-case hexadecimal.</summary>
    internal static string WriteHashed(Stream stream, IEnumerable<NamedTensor> tensors, TensorType type)
    {
        using var sha = SHA256.Create();
        using (var tee = new CryptoStream(stream, sha, CryptoStreamMode.Write, leaveOpen: true))
        {
            Write(tee, tensors, type);
        }

        return Convert.ToHexStringLower(sha.Hash!);
    }

    /// <summary>Writes the tensors.</summary>
    /// <exception cref="ArgumentException">A name occurs twice, or a shape does not give the number of values.</exception>
    internal static void Write(Stream stream, IEnumerable<NamedTensor> tensors, TensorType type)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (type is not (TensorType.F32 or TensorType.BF16))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "Only F32 and BF16 are written.");
        }

        NamedTensor[] sorted = [.. tensors.OrderBy(t => t.Name, StringComparer.Ordinal)];
        foreach (NamedTensor tensor in sorted)
        {
            if (tensor.Shape.Aggregate(1L, (p, d) => p * d) != tensor.Values.Length)
            {
                throw new ArgumentException($"The shape of tensor '{tensor.Name}' does not give its {tensor.Values.Length} values.", nameof(tensors));
            }
        }

        WriteHeader(stream, sorted.Select(t => (t.Name, type, (IReadOnlyList<long>)[.. t.Shape.Select(d => (long)d)])));
        foreach (NamedTensor tensor in sorted)
        {
            WriteValues(stream, tensor.Values.Span, type);
        }
    }

    /// <summary>Returns what stands before the values of the F32 file of any set with this layout; the values follow in the layout's order.</summary>
    public static byte[] HeaderOf(TensorLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        using var stream = new MemoryStream();
        WriteHeader(stream, layout.Slots.Select(s => (s.Name, TensorType.F32, (IReadOnlyList<long>)[.. s.Shape.Select(d => (long)d)])));
        return stream.ToArray();
    }

    /// <summary>Lists a set's tensors with their values.</summary>
    internal static IEnumerable<NamedTensor> Named(TensorSet tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        return tensors.Layout.Slots.Select(s => new NamedTensor(s.Name, s.Shape, tensors.Values.AsMemory(s.Offset, s.Count)));
    }

    /// <summary>Writes what stands before the tensors' bytes, which must follow in the same order without gaps.</summary>
    /// <exception cref="ArgumentException">A name occurs twice in a row or is not one of a tensor.</exception>
    internal static void WriteHeader(Stream stream, IEnumerable<(string Name, TensorType Type, IReadOnlyList<long> Shape)> tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long offset = 0;
            string? previous = null;
            foreach ((string name, TensorType type, IReadOnlyList<long> shape) in tensors)
            {
                if (name == previous || name == "__metadata__")
                {
                    throw new ArgumentException($"Tensor '{name}' is named twice, or its name is not one of a tensor.", nameof(tensors));
                }

                WriteEntry(json, name, type, shape, ref offset);
                previous = name;
            }

            json.WriteEndObject();
        }

        byte[] header = new byte[(buffer.WrittenCount + 7) / 8 * 8];
        header.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(header);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
    }

    private static void WriteEntry(Utf8JsonWriter json, string name, TensorType type, IReadOnlyList<long> shape, ref long offset)
    {
        json.WriteStartObject(name);
        json.WriteString("dtype", type.ToString());
        json.WriteStartArray("shape");
        foreach (long dimension in shape)
        {
            json.WriteNumberValue(dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        offset += shape.Aggregate(1L, (p, d) => p * d) * type.ByteSize();
        json.WriteNumberValue(offset);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteValues(Stream stream, ReadOnlySpan<float> values, TensorType type)
    {
        Span<ushort> narrow = type == TensorType.BF16 ? new ushort[Math.Min(ChunkElements, values.Length)] : [];
        for (int at = 0; at < values.Length; at += ChunkElements)
        {
            ReadOnlySpan<float> chunk = values.Slice(at, Math.Min(ChunkElements, values.Length - at));
            if (type == TensorType.BF16)
            {
                BFloat16.Narrow(chunk, narrow);
                stream.Write(MemoryMarshal.AsBytes(narrow[..chunk.Length]));
            }
            else
            {
                stream.Write(MemoryMarshal.AsBytes(chunk));
            }
        }
    }
}
