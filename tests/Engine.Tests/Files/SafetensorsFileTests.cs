using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tests.Files;

public sealed class SafetensorsFileTests
{
    private static readonly byte[] Eight = [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]; // 1f, -2f

    [Fact]
    public void FromMemory_WellFormed_ReadsEverything()
    {
        string header = "{" + string.Join(',', """ "__metadata__":{"format":"pt","note":"\u00e9"} """, Bytes.Entry("b", "I64", "[1]", 8, 16), Bytes.Entry("a", "F32", "[2,1]", 0, 8), Bytes.Entry("c", "BOOL", "[]", 16, 17), Bytes.Entry("none", "F32", "[0,3]", 8, 8)) + "}   ";
        using var file = SafetensorsFile.FromMemory(Bytes.Safetensors(header, [.. Eight, 7, 0, 0, 0, 0, 0, 0, 0x80, 1]));

        Assert.Equal(["a", "none", "b", "c"], file.Names);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("é", file.Metadata["note"]);
        Assert.Equal([1f, -2f], file.ReadFloat32("a"));
        Assert.Equal([2L, 1L], file["a"].Shape);
        Assert.Equal([long.MinValue + 7], file.ReadInt64("b"));
        Assert.Empty(file.ReadFloat32("none"));
        Assert.Equal(1, file["c"].Count);
        Assert.Empty(file["c"].Shape);
        float[] one = new float[1];
        file.ReadInto("a", one, 1);
        Assert.Equal(-2f, one[0]);
        byte[] raw = new byte[2];
        file.ReadRaw("a", raw, 2);
        Assert.Equal([0x80, 0x3F], raw);
    }

    [Fact]
    public void Read_WrongNameTypeOrRange_IsRefused()
    {
        using var file = SafetensorsFile.FromMemory(Bytes.Safetensors("{" + Bytes.Entry("a", "F32", "[1]", 0, 4) + "," + Bytes.Entry("b", "I32", "[1]", 4, 8) + "}", Eight), "x.safetensors");
        Assert.StartsWith("x.safetensors: has no tensor 'z'.", Assert.Throws<InputFileException>(() => file.ReadFloat32("z")).Message, StringComparison.Ordinal);
        Assert.Throws<InputFileException>(() => file.ReadFloat32("b"));
        Assert.Throws<InputFileException>(() => file.ReadInt64("a"));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadInto("a", new float[1], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadInto("a", new float[1], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadInto("a", new float[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadRaw("a", new byte[4], 1));
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not valid JSON")]
    [InlineData("{}{}", "not valid JSON")]
    [InlineData("{}\u0000", "not valid JSON")]
    [InlineData("""{"a":1}""", "entry is not an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "lacks dtype, shape or data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}""", "unknown or repeated key 'more'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", "unknown or repeated key 'shape'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "names it twice")]
    [InlineData("""{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "something other than text")]
    [InlineData("""{"__metadata__":{"a":"1","a":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "names a key twice")]
    [InlineData("""{"__metadata__":[],"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "__metadata__ is not an object")]
    [InlineData("""{"a":{"dtype":"F12","shape":[2],"data_offsets":[0,8]}}""", "dtype 'F12' is not known")]
    [InlineData("""{"a":{"dtype":"1","shape":[2],"data_offsets":[0,8]}}""", "dtype '1' is not known")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "whole numbers of at least 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", "whole numbers of at least 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "whole numbers of at least 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "shape is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}""", "product of its shape overflows")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", "product of its shape overflows")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "whole numbers of at least 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "not a beginning and an end")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}}""", "not a beginning and an end")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "data_offsets is too long")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "shape needs 12 bytes, its data_offsets span 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "bytes 0 to 4 of the data before it belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "the tensors end at byte 4 of the data, but the file holds 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "truncated")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9223372036854775800],"data_offsets":[7,9223372036854775807]}}""", "overflows")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not valid Unicode")]
    public void FromMemory_DefectiveHeader_NamesTheDefect(string header, string problem)
    {
        InputFileException e = Assert.Throws<InputFileException>(() => SafetensorsFile.FromMemory(Bytes.Safetensors(header, Eight), "bad.safetensors"));
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("bad.safetensors, ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData(100_000_001UL)]
    [InlineData(3UL)]
    [InlineData(long.MaxValue)]
    [InlineData(ulong.MaxValue)]
    public void FromMemory_HeaderLengthPastTheEnd_IsRefusedWithoutAllocatingIt(ulong length)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        InputFileException e = Assert.Throws<InputFileException>(() => SafetensorsFile.FromMemory(Bytes.WithLength(length, "{}")));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000);
        Assert.Contains($"the header claims {length} bytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_HeaderOverTheCap_IsRefused()
    {
        // A sparse file: 100,000,001 bytes of header that take no room.
        using var folder = new TemporaryFolder();
        string path = folder.Write("big.safetensors", Bytes.WithLength(100_000_001, ""));
        using (FileStream stream = File.OpenWrite(path))
        {
            stream.SetLength(100_000_100);
        }

        Assert.Contains("at most 100000000 are allowed", Assert.Throws<InputFileException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = Bytes.Safetensors("{" + Bytes.Entry("a", "F32", "[2]", 0, 8) + "}", Eight);
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("cut.safetensors", whole[..length]);
            Assert.StartsWith(path, Assert.Throws<InputFileException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
        }

        using var file = SafetensorsFile.Open(folder.Write("whole.safetensors", whole));
        Assert.Equal([1f, -2f], file.ReadFloat32("a"));
    }

    [Fact]
    public void ReadFloat32_FileCutAfterOpening_IsATypedError()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("cut.safetensors", Bytes.Safetensors("{" + Bytes.Entry("a", "F32", "[2]", 0, 8) + "}", Eight));
        using var file = SafetensorsFile.Open(path);
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(stream.Length - 1);
        }

        Assert.Contains("became shorter", Assert.Throws<InputFileException>(() => file.ReadFloat32("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AbsentFileOrFolder_IsATypedError()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("does not exist", Assert.Throws<InputFileException>(() => SafetensorsFile.Open(folder.File("none"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<InputFileException>(() => SafetensorsFile.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_HostileNames_StayOnOneLineAndShort()
    {
        string name = "a\\nb\\u2028" + new string('x', 5000);
        InputFileException e = Assert.Throws<InputFileException>(() => SafetensorsFile.FromMemory(Bytes.Safetensors("{" + Bytes.Entry(name, "F32", "[1]", 0, 8) + "}", Eight)));
        Assert.DoesNotContain('\n', e.Message);
        Assert.DoesNotContain('\u2028', e.Message);
        Assert.True(e.Message.Length < 400);
    }
}
