using System.Text.Json;

namespace FedLLM.Engine.Files;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Dimensions, outermost first; none for a scalar.</param>
/// <param name="Count">Number of elements: the product of <paramref name="Shape"/>.</param>
/// <param name="Offset">Where its bytes begin in the data section.</param>
public sealed record SafetensorsEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, long Count, long Offset)
{
    /// <summary>The shape as text, such as <c>[512, 64]</c>.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>Number of bytes of its elements.</summary>
    public long ByteCount => Count * Type.ByteSize();
}

/// <summary>
/// Parses the header of a safetensors file with the rules of the reference implementation (huggingface/safetensors, <c>Metadata::validate</c>):
/// the tensors cover the data section from its first to its last byte, without holes and without overlaps. Stricter than it on unknown keys and repeated names.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>Largest header accepted, in bytes; the reference implementation's limit.</summary>
    public const int MaxBytes = 100_000_000;

    private const string Remedy = "Download or convert the file again";
    private const string MetadataKey = "__metadata__";
    private const int MaxDimensions = 64;

    /// <summary>Parses and checks the header.</summary>
    /// <param name="path">Names the file in errors.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">Number of bytes after the header.</param>
    /// <returns>The tensors in the order of their bytes, and the metadata.</returns>
    /// <exception cref="InputFileException">The header is not valid.</exception>
    public static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(string path, ReadOnlySpan<byte> json, long dataLength)
    {
        var reader = new HeaderReader(path, json);
        try
        {
            reader.ReadTop();
        }
        catch (JsonException e)
        {
            throw new InputFileException(path, $"header, byte {8 + reader.Position}", "the header is not valid JSON", Remedy, e);
        }

        CheckCoverage(path, reader.Entries, dataLength);
        return (reader.Entries, reader.Metadata);
    }

    private static void CheckCoverage(string path, List<SafetensorsEntry> entries, long dataLength)
    {
        // An empty tensor sorts before the one that begins at the same byte.
        entries.Sort((a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.ByteCount != b.ByteCount ? a.ByteCount.CompareTo(b.ByteCount) : string.CompareOrdinal(a.Name, b.Name));
        long end = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            if (entry.Offset != end)
            {
                string problem = entry.Offset < end ? "its bytes overlap those of another tensor" : $"bytes {end} to {entry.Offset} of the data before it belong to no tensor";
                throw Defect(path, entry.Name, problem);
            }

            end = entry.Offset + entry.ByteCount;
            if (end > dataLength)
            {
                throw Defect(path, entry.Name, $"its bytes end at {end}, but the file holds {dataLength} bytes of data: it is truncated or damaged");
            }
        }

        if (end != dataLength)
        {
            throw new InputFileException(path, "header", $"the tensors end at byte {end} of the data, but the file holds {dataLength}", Remedy);
        }
    }

    private static InputFileException Defect(string path, string tensor, string problem) =>
        new(path, $"tensor {InputFileException.Quote(tensor)}", problem, Remedy);

    private ref struct HeaderReader(string path, ReadOnlySpan<byte> json)
    {
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);
        private Utf8JsonReader _json = new(json, new JsonReaderOptions { MaxDepth = 8 });

        public List<SafetensorsEntry> Entries { get; } = [];

        public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

        public readonly long Position => _json.BytesConsumed;

        public void ReadTop()
        {
            Expect(_json.Read() && _json.TokenType == JsonTokenType.StartObject, "the header is not a JSON object");
            while (NextKey(out string name))
            {
                if (!_names.Add(name))
                {
                    throw Defect(path, name, "the header names it twice");
                }

                if (name == MetadataKey)
                {
                    ReadMetadata();
                }
                else
                {
                    ReadEntry(name);
                }
            }

            // Only white space may follow: the reader itself refuses the rest.
            _json.Read();
        }

        private void ReadMetadata()
        {
            Expect(_json.Read() && _json.TokenType == JsonTokenType.StartObject, "__metadata__ is not an object");
            while (NextKey(out string key))
            {
                Expect(_json.Read() && _json.TokenType == JsonTokenType.String, "__metadata__ holds something other than text");
                Expect(Metadata.TryAdd(key, Text()), "__metadata__ names a key twice");
            }
        }

        private void ReadEntry(string name)
        {
            TensorType? type = null;
            List<long>? shape = null;
            List<long>? offsets = null;
            Check(name, _json.Read() && _json.TokenType == JsonTokenType.StartObject, "its entry is not an object");
            while (NextKey(out string key))
            {
                switch (key)
                {
                    case "dtype" when type is null:
                        Check(name, _json.Read() && _json.TokenType == JsonTokenType.String, "its dtype is not text");
                        string text = Text();
                        Check(name, TensorTypes.TryParse(text, out TensorType parsed), $"its dtype {InputFileException.Quote(text)} is not known; F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL are");
                        type = parsed;
                        break;
                    case "shape" when shape is null:
                        shape = Numbers(name, "shape", MaxDimensions);
                        break;
                    case "data_offsets" when offsets is null:
                        offsets = Numbers(name, "data_offsets", 2);
                        break;
                    default:
                        throw Defect(path, name, $"its entry has the unknown or repeated key {InputFileException.Quote(key)}");
                }
            }

            Check(name, type is not null && shape is not null && offsets is not null, "its entry lacks dtype, shape or data_offsets");
            Check(name, offsets!.Count == 2 && offsets[0] <= offsets[1], "its data_offsets are not a beginning and an end");
            Entries.Add(new SafetensorsEntry(name, type!.Value, shape!, Count(name, type.Value, shape!, offsets[1] - offsets[0]), offsets[0]));
        }

        /// <summary>Multiplies the dimensions and holds the product against the number of bytes.</summary>
        private readonly long Count(string name, TensorType type, List<long> shape, long byteCount)
        {
            // A zero dimension makes the tensor empty, whatever the others are; the reference multiplies in order and refuses an overflow on the way.
            long count = 1;
            foreach (long dimension in shape)
            {
                Check(name, dimension == 0 || count <= long.MaxValue / 8 / dimension, "the product of its shape overflows");
                count *= dimension;
            }

            Check(name, count * type.ByteSize() == byteCount, $"its shape needs {count * type.ByteSize()} bytes, its data_offsets span {byteCount}");
            return count;
        }

        private List<long> Numbers(string name, string key, int most)
        {
            var numbers = new List<long>();
            Check(name, _json.Read() && _json.TokenType == JsonTokenType.StartArray, $"its {key} is not a list");
            while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
            {
                Check(name, _json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out long number) && number >= 0, $"its {key} holds something other than whole numbers of at least 0");
                Check(name, numbers.Count < most, $"its {key} is too long");
                numbers.Add(_json.GetInt64());
            }

            return numbers;
        }

        /// <summary>Reads the next key of the current object; false at its end.</summary>
        private bool NextKey(out string key)
        {
            bool found = _json.Read() && _json.TokenType == JsonTokenType.PropertyName;
            key = found ? Text() : string.Empty;
            return found;
        }

        private readonly string Text()
        {
            try
            {
                return _json.GetString()!;
            }
            catch (InvalidOperationException e)
            {
                throw new InputFileException(path, $"header, byte {8 + _json.TokenStartIndex}", "the header holds text that is not valid Unicode", Remedy, e);
            }
        }

        private readonly void Expect(bool condition, string problem)
        {
            if (!condition)
            {
                throw new InputFileException(path, "header", problem, Remedy);
            }
        }

        private readonly void Check(string name, bool condition, string problem)
        {
            if (!condition)
            {
                throw Defect(path, name, problem);
            }
        }
    }
}
