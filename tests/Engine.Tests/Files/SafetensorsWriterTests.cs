using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Engine.Files;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Files;

public sealed class SafetensorsWriterTests
{
    private static TensorSet Two() => new(new TensorLayout([("b", [1]), ("a", [1, 2])]), [1f, -2f, float.NaN]);

    [Fact]
    public void ToBytes_TwoTensors_AreTheCanonicalBytes()
    {
        string header = "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        byte[] data = new byte[12];
        BinaryPrimitives.WriteSingleLittleEndian(data, 1f);
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4), -2f);
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(8), float.NaN);
        byte[] expected = Bytes.Safetensors(header, data);

        Assert.Equal(expected, SafetensorsWriter.ToBytes(Two()));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(expected)), SafetensorsWriter.Hash(Two()));
    }

    [Fact]
    public void ToBytes_LayoutsGivenInAnyOrder_GiveTheSameBytes()
    {
        var other = new TensorSet(new TensorLayout([("a", [1, 2]), ("b", [1])]), [1f, -2f, float.NaN]);
        Assert.Equal(SafetensorsWriter.ToBytes(Two()), SafetensorsWriter.ToBytes(other));
    }

    [Fact]
    public void Hash_AnyBitOrNameOrShapeChanged_Changes()
    {
        string[] hashes =
        [
            SafetensorsWriter.Hash(Two()),
            SafetensorsWriter.Hash(new TensorSet(Two().Layout, [1f, -2f, 0f])),
            SafetensorsWriter.Hash(new TensorSet(Two().Layout, [1f, -2f, -0f])),
            SafetensorsWriter.Hash(new TensorSet(new TensorLayout([("c", [1]), ("a", [1, 2])]), [1f, -2f, float.NaN])),
            SafetensorsWriter.Hash(new TensorSet(new TensorLayout([("b", [1]), ("a", [2])]), [1f, -2f, float.NaN])),
            SafetensorsWriter.Hash(Two(), TensorType.BF16),
        ];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }

    [Fact]
    public void ToBytes_ManySizes_ReadBackBitForBit()
    {
        for (int size = 1; size < 40000; size = (size * 3) + 1)
        {
            var set = new TensorSet(new TensorLayout([("x", [size]), ("y", [2, 3])]));
            var random = new CounterRandom((ulong)size, RandomPurpose.DataGeneration);
            for (int i = 0; i < set.Values.Length; i++)
            {
                set.Values[i] = BitConverter.UInt32BitsToSingle(random.Bits((ulong)i));
            }

            using var exact = SafetensorsFile.FromMemory(SafetensorsWriter.ToBytes(set));
            Assert.Equal(set.Values.Select(BitConverter.SingleToUInt32Bits), exact.ReadFloat32("x").Concat(exact.ReadFloat32("y")).Select(BitConverter.SingleToUInt32Bits));
            Assert.Equal("pt", exact.Metadata["format"]);

            ushort[] narrow = new ushort[set.Values.Length];
            BFloat16.Narrow(set.Values, narrow);
            using var rounded = SafetensorsFile.FromMemory(SafetensorsWriter.ToBytes(set, TensorType.BF16));
            Assert.Equal(TensorType.BF16, rounded["x"].Type);
            Assert.Equal(narrow.Select(n => (uint)n << 16), rounded.ReadFloat32("x").Concat(rounded.ReadFloat32("y")).Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Fact]
    public void ToBytes_NamesThatNeedEscapes_ReadBack()
    {
        string[] names = ["quo\"te", "back\\slash", "tab\t", "é", "\U0001F600", "<&>'+"];
        var set = new TensorSet(new TensorLayout(names.Select(n => (n, (IReadOnlyList<int>)[1]))));
        using var file = SafetensorsFile.FromMemory(SafetensorsWriter.ToBytes(set));
        Assert.Equal(names.Order(StringComparer.Ordinal), file.Names);
        Assert.Contains("<&>'+", Encoding.UTF8.GetString(SafetensorsWriter.ToBytes(set)), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_WrongTypeNameOrCount_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SafetensorsWriter.ToBytes(Two(), TensorType.F16));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Stream.Null, [new NamedTensor("a", [2], new float[3])], TensorType.F32));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Stream.Null, [new NamedTensor("a", [1], new float[1]), new NamedTensor("a", [1], new float[1])], TensorType.F32));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(Stream.Null, [new NamedTensor("__metadata__", [1], new float[1])], TensorType.F32));
    }

    [Fact]
    public void WriteFile_ExistingFile_IsReplacedAndHashed()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.safetensors", "old");
        string hash = SafetensorsWriter.WriteFile(path, Two());
        Assert.Equal(SafetensorsWriter.ToBytes(Two()), File.ReadAllBytes(path));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), hash);
        Assert.Equal(["a.safetensors"], folder.FileNames());
    }

    [SkippableFact]
    public void Hash_AdapterWrittenByPeft_IsThatOfItsFile()
    {
        // The reference implementation wrote these files: ours are the same bytes.
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        foreach (string path in SharedData.ModelCases().SelectMany(f => Directory.EnumerateFiles(f, "adapter_model.safetensors", SearchOption.AllDirectories)))
        {
            PeftAdapter adapter = PeftAdapter.Load(Path.GetDirectoryName(path)!);
            Assert.Equal(File.ReadAllBytes(path), SafetensorsWriter.ToBytes(adapter.Tensors));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), SafetensorsWriter.Hash(adapter.Tensors));
        }
    }
}
