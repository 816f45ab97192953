using System.Text;
using FedLLM.Data.Examples;
using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Tests.Examples;

public sealed class ExampleReaderTests : IDisposable
{
    private const string Secret = "SeCrEt";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"instruction":"I","input":"x","output":"R"}""", "I x", null)]
    [InlineData("""{"instruction":"I","input":"","output":"R"}""", "I", null)]
    [InlineData("""{"instruction":"I","input":null,"output":"R"}""", "I", null)]
    [InlineData("""{"instruction":"I","output":"R","text":[1,{"a":2}]}""", "I", null)]
    [InlineData("""{"instruction":"I","input":"x","output":"R","category":"c"}""", "I x", "c")]
    [InlineData("""{"instruction":"I","context":"x","response":"R","category":"c"}""", "I x", "c")]
    [InlineData("""{"instruction":"I","context":"","response":"R","category":null}""", "I", null)]
    [InlineData("""{"response":"R","instruction":"I"}""", "I", null)]
    [InlineData("""{"question":"I","answer":"R","category":7}""", "I", "7")]
    public void Read_KnownFields_MakesTheExample(string record, string instruction, string? category)
    {
        InstructionExample example = Assert.Single(Read(_folder.Write("a.jsonl", record)));
        Assert.Equal((instruction, "R", category), (example.Instruction, example.Response, example.Category));
    }

    [Theory]
    [InlineData("plain", """{"instruction":"I","context":"x","response":"R"}""", "I")]
    [InlineData("dolly", """{"instruction":"I","context":"x","response":"R","output":"O"}""", "I x")]
    [InlineData("alpaca", """{"instruction":"I","input":"x","response":3,"output":"R"}""", "I x")]
    [InlineData("natural-instructions", """{"instruction":"I","input":"x","output":"R"}""", "I x")]
    [InlineData("gsm8k", """{"question":"I","answer":"R","instruction":"no"}""", "I")]
    public void Read_NamedFormat_IgnoresOtherFields(string format, string record, string instruction)
    {
        InstructionExample example = Assert.Single(Read(_folder.Write("a.jsonl", record), RecordFormat.Find(format)));
        Assert.Equal((instruction, "R"), (example.Instruction, example.Response));
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, true, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, true)]
    public void Read_ArrayOrLinesPlainOrGzip_GivesTheSameExamples(bool isArray, bool isCompressed, bool hasMark)
    {
        // Long enough for several windows, with a multi-byte character at every alignment.
        var records = Enumerable.Range(0, 3000).Select(i => $$"""{"instruction":"{{i}} é😀","input":"{{new string('x', i % 300)}}","output":"{{i}}\n\u00e9"}""").ToArray();
        string text = isArray ? "\n [" + string.Join(" ,\n ", records) + "]\n" : string.Join("\r\n\n", records);
        byte[] bytes = Encoding.UTF8.GetBytes((hasMark ? "\uFEFF" : "") + text);
        List<InstructionExample> examples = Read(_folder.Write("misleading.txt", isCompressed ? TemporaryFolder.Gzip(bytes) : bytes));
        Assert.Equal(3000, examples.Count);
        for (int i = 0; i < examples.Count; i++)
        {
            Assert.Equal(i % 300 == 0 ? $"{i} é😀" : $"{i} é😀 {new string('x', i % 300)}", examples[i].Instruction);
            Assert.Equal($"{i}\né", examples[i].Response);
            Assert.Equal((isArray ? i + 2 : (2 * i) + 1, i + 1), (examples[i].Source.Line, examples[i].Source.Record));
        }
    }

    [Theory]
    [InlineData("""{"instruction":"SeCrEt","output":"SeCrEt" """, "not valid JSON")]
    [InlineData("""{"instruction":"SeCrEt","output":SeCrEt}""", "not valid JSON")]
    [InlineData("""{"instruction":"SeCrEt","output":"x"} SeCrEt""", "not valid JSON")]
    [InlineData("""["SeCrEt"]""", "not an object")]
    [InlineData("""{"instruction":"SeCrEt"}""", "'output' is missing")]
    [InlineData("""{"instruction":7,"output":"SeCrEt"}""", "'instruction' is not a string")]
    [InlineData("""{"instruction":"SeCrEt","output":null}""", "'output' is not a string")]
    [InlineData("""{"instruction":"SeCrEt","input":["SeCrEt"],"output":"x"}""", "'input' is not a string")]
    [InlineData("""{"instruction":"SeCrEt","output":"x","category":{"SeCrEt":1}}""", "'category' is neither")]
    [InlineData("""{"instruction":"SeCrEt","output":"x","output":"SeCrEt"}""", "'output' is there twice")]
    [InlineData("""{"instruction":"SeCrEt","output":"\ud800"}""", "surrogate")]
    public void Read_DefectInLine4711_NamesFileAndLineAndNoContent(string defect, string problem)
    {
        string good = """{"instruction":"I","output":"R"}""";
        string[] lines = [.. Enumerable.Repeat(good, 5000)];
        lines[4710] = defect;
        AssertDefect(_folder.Write("client_3.jsonl", string.Join('\n', lines)), "line 4711", problem);
        AssertDefect(_folder.Write("client_3.jsonl.gz", TemporaryFolder.Gzip(Encoding.UTF8.GetBytes(string.Join('\n', lines)))), "line 4711", problem);

        // The same in an array with one record per line, where the bracket stands on the first. A record that is cut off or has something behind it ends elsewhere.
        string array = "[" + string.Join(",\n", lines) + "]";
        string path = _folder.Write("client_3.json", array);
        InputFileException e = Assert.Throws<InputFileException>(() => Read(path));
        Assert.Matches("line 471[12], record 471[12]: ", e.Message);
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_PrettyPrintedArray_NamesTheLineOfTheDefect()
    {
        string text = "[\n  {\n    \"instruction\": \"I\",\n    \"output\": \"R\"\n  },\n  {\n    \"instruction\": \"I\",\n    \"output\": SeCrEt\n  }\n]\n";
        AssertDefect(_folder.Write("a.json", text), "line 8, record 2", "not valid JSON");
        AssertDefect(_folder.Write("a.json", text.Replace("SeCrEt", "5", StringComparison.Ordinal)), "line 6, record 2", "'output' is not a string");
    }

    [Theory]
    [InlineData("", "no record")]
    [InlineData("  \n\n ", "no record")]
    [InlineData("[]", "no record")]
    [InlineData("\uFEFF", "no record")]
    [InlineData("[", "not valid JSON")]
    [InlineData("[{\"instruction\":\"SeCrEt\",\"output\":\"R\"}", "not valid JSON")]
    [InlineData("[{\"instruction\":\"SeCrEt\",\"output\":\"R\"}] SeCrEt", "not valid JSON")]
    [InlineData("[{\"instruction\":\"SeCrEt\",\"output\":\"R\"},]", "not valid JSON")]
    [InlineData("[[{\"instruction\":\"SeCrEt\",\"output\":\"R\"}]]", "not an object")]
    [InlineData("instruction,output\nSeCrEt,R", "neither a JSON array")]
    [InlineData("\"SeCrEt\"", "neither a JSON array")]
    [InlineData("{\"prompt\":\"SeCrEt\",\"completion\":\"x\"}", "fields are none of")]
    [InlineData("{\"instruction\":\"SeCrEt\",\"output\":\"x\",\"response\":\"y\"}", "fit several formats")]
    [InlineData("{\n \"instruction\":\"SeCrEt\",\n \"output\":\"x\"}", "not valid JSON")]
    public void Read_UnusableFile_SaysWhy(string text, string problem) => AssertDefect(_folder.Write("a.json", text), "a.json", problem);

    [Fact]
    public void Read_NotUtf8_SaysSo()
    {
        string good = """{"instruction":"I","output":"R"}""" + "\n";
        byte[] latin1 = [.. Encoding.UTF8.GetBytes(good), .. Encoding.Latin1.GetBytes(good.Replace("R", "é", StringComparison.Ordinal))];
        AssertDefect(_folder.Write("a.jsonl", latin1), "line 2", "not UTF-8");
        AssertDefect(_folder.Write("a.jsonl", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(good)]), "a.jsonl", "UTF-16");
        byte[] array = [(byte)'[', .. latin1[..^1], (byte)']'];
        array[good.Length] = (byte)',';
        AssertDefect(_folder.Write("a.json", array), "record 2", "not UTF-8");
    }

    [Fact]
    public void Read_NoSuchFileOrAFolder_SaysSo()
    {
        AssertDefect(Path.Combine(_folder.Path, "absent.json"), "absent.json", "no such file");
        AssertDefect(_folder.Path, _folder.Path, "is a folder");
    }

    [Fact]
    public void Read_GzipCutAnywhere_IsAnError()
    {
        // Two members, so that one cut falls between them; that file is complete and has one record.
        byte[] member = TemporaryFolder.Gzip(Encoding.UTF8.GetBytes("""{"instruction":"I","output":"R"}""" + "\n"));
        byte[] whole = [.. member, .. member];
        List<int> accepted = [];
        for (int length = 0; length <= whole.Length; length++)
        {
            string path = _folder.Write("cut.jsonl.gz", whole[..length]);
            try
            {
                Assert.Equal(length / member.Length, Read(path).Count);
                accepted.Add(length);
            }
            catch (InputFileException)
            {
            }
        }

        Assert.Equal([member.Length, whole.Length], accepted);
    }

    [Fact]
    public void Read_LargeGzipCutBehindAWholeRecord_IsAnError()
    {
        // Incompressible enough to span several of the decompressor's buffers; flushed behind every record, so cuts there leave whole records.
        var random = new CounterRandom(1, RandomPurpose.DataGeneration);
        using var memory = new MemoryStream();
        List<int> ends = [];
        using (var gzip = new System.IO.Compression.GZipStream(memory, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            for (int i = 0; i < 40; i++)
            {
                string noise = string.Concat(Enumerable.Range(0, 200).Select(j => random.Bits((ulong)((i * 200) + j)).ToString("x8", null)));
                gzip.Write(Encoding.UTF8.GetBytes($$"""{"instruction":"{{noise}}","output":"R"}""" + "\n"));
                gzip.Flush();
                ends.Add((int)memory.Length);
            }
        }

        byte[] whole = memory.ToArray();
        Assert.True(whole.Length > 32 << 10);
        Assert.Equal(40, Read(_folder.Write("whole.jsonl.gz", whole)).Count);
        foreach (int end in ends)
        {
            AssertDefect(_folder.Write("cut.jsonl.gz", whole[..end]), "cut.jsonl.gz", "damaged or truncated");
        }

        byte[] flipped = [.. whole];
        flipped[^6] ^= 1; // in the checksum
        AssertDefect(_folder.Write("flipped.jsonl.gz", flipped), "flipped.jsonl.gz", "damaged or truncated");
        AssertDefect(_folder.Write("behind.jsonl.gz", [.. whole, 0, 0, 0]), "behind.jsonl.gz", "damaged or truncated");
    }

    [Fact]
    public void Read_GzipBomb_StopsAtTheLimits()
    {
        byte[] spaces = new byte[4 << 20];
        Array.Fill(spaces, (byte)' ');
        var small = new ReaderLimits { MaxRecordBytes = 100_000, MaxTotalBytes = 1 << 20 };
        AssertDefect(_folder.Write("bomb.json.gz", TemporaryFolder.Gzip(spaces)), "bomb", "more than 1048576 bytes", small);
        byte[] line = [.. "{\"instruction\":\""u8, .. spaces];
        AssertDefect(_folder.Write("bomb.json.gz", TemporaryFolder.Gzip(line)), "line 1", "larger than 100000 bytes", small);
        AssertDefect(_folder.Write("bomb.json.gz", TemporaryFolder.Gzip([(byte)'[', .. line])), "line 1", "larger than 100000 bytes", small);
        string brackets = "{\"instruction\":\"I\",\"output\":\"R\",\"x\":" + new string('[', 50_000);
        AssertDefect(_folder.Write("deep.jsonl", brackets), "line 1", "nested deeper than 32", small);
        AssertDefect(_folder.Write("deep.json", "[" + brackets), "line 1", "nested deeper than 32", small);
        string two = """[{"instruction":"I","output":"R"},{"instruction":"I","output":"R"}]""";
        AssertDefect(_folder.Write("two.json", two), "line 1", "more than 1 records", new ReaderLimits { MaxRecords = 1 });
    }

    [Fact]
    public void Read_RecordAtTheLimit_IsReadAndOneByteMoreIsNot()
    {
        string record = """{"instruction":"I","output":"R"}""";
        string array = "[" + new string(' ', 50_000) + record + "," + new string('\n', 50_000) + record + "]";
        string path = _folder.Write("a.json", array);
        Assert.Equal(2, Read(path, limits: new ReaderLimits { MaxRecordBytes = record.Length }).Count);
        AssertDefect(path, "line 1", "a record is larger", new ReaderLimits { MaxRecordBytes = record.Length - 1 });
    }

    private static List<InstructionExample> Read(string path, RecordFormat? format = null, ReaderLimits? limits = null) =>
        [.. new ExampleReader(format, limits: limits).Read(path).Cast<InstructionExample>()];

    private static void AssertDefect(string path, string place, string problem, ReaderLimits? limits = null)
    {
        InputFileException e = Assert.Throws<InputFileException>(() => Read(path, limits: limits));
        Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(place, e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}
