using System.Buffers.Binary;
using System.Text.Json;

namespace FedLLM.Engine.Tests.Files;

/// <summary>A second, naive reading of a well-formed safetensors file, to hold the real reader against.</summary>
internal sealed class RawSafetensors
{
    public Dictionary<string, float[]> Float32 { get; } = [];

    public Dictionary<string, long[]> Int64 { get; } = [];

    public static RawSafetensors Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        var raw = new RawSafetensors();
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__"))
        {
            JsonElement offsets = tensor.Value.GetProperty("data_offsets");
            ReadOnlySpan<byte> data = bytes.AsSpan((start + offsets[0].GetInt32())..(start + offsets[1].GetInt32()));
            switch (tensor.Value.GetProperty("dtype").GetString())
            {
                case "F32":
                    float[] floats = new float[data.Length / 4];
                    for (int i = 0; i < floats.Length; i++)
                    {
                        floats[i] = BinaryPrimitives.ReadSingleLittleEndian(data[(4 * i)..]);
                    }

                    raw.Float32.Add(tensor.Name, floats);
                    break;
                case "I64":
                    long[] integers = new long[data.Length / 8];
                    for (int i = 0; i < integers.Length; i++)
                    {
                        integers[i] = BinaryPrimitives.ReadInt64LittleEndian(data[(8 * i)..]);
                    }

                    raw.Int64.Add(tensor.Name, integers);
                    break;
                default:
                    Assert.Fail($"{path}: {tensor.Name} is neither F32 nor I64.");
                    break;
            }
        }

        return raw;
    }
}
