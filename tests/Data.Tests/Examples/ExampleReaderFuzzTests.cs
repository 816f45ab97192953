using System.Text;
using FedLLM.Data.Examples;
using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Tests.Examples;

public sealed class ExampleReaderFuzzTests : IDisposable
{
    private const int Cases = 1500;
    private static readonly byte[] Telling = "[]{}\",:\\u0n\n \t-1e\0\x7F"u8.ToArray();
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Read_MutatedBytes_GivesExamplesOrOnlyTheTypedError(bool isArray, bool isCompressed)
    {
        string[] records =
        [
            """{"instruction":"a\u00e9😀","input":"","output":"r","category":"c"}""",
            """{"instruction":"b","input":"x","output":"s\n","category":null,"more":[1,2.5e3,{"y":[true,null]}]}""",
            """{"instruction":"ä","output":"t"}""",
        ];
        byte[] text = Encoding.UTF8.GetBytes(isArray ? "[" + string.Join(",\n", records) + "]" : string.Join('\n', records));
        byte[] original = isCompressed ? TemporaryFolder.Gzip(text) : text;
        var reader = new ExampleReader(limits: new ReaderLimits { MaxRecordBytes = 10_000, MaxTotalBytes = 100_000 });
        int refused = 0;
        for (int i = 0; i < Cases; i++)
        {
            string path = _folder.Write("fuzz", Mutate(original, new CounterRandom(99, RandomPurpose.DataGeneration, i, isArray ? 1 : 0, isCompressed ? 1 : 0)));
            try
            {
                foreach (InstructionExample example in reader.Read(path).Cast<InstructionExample>())
                {
                    Assert.NotNull(example.Instruction + example.Response);
                }
            }
            catch (InputFileException e)
            {
                refused++;
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        Assert.InRange(refused, Cases / 4, Cases - 1);
    }

    [Theory]
    [InlineData(SampleKind.Pair)]
    [InlineData(SampleKind.Sequence)]
    public void Read_MutatedMessages_GivesExamplesOrOnlyTheTypedError(SampleKind kind)
    {
        string[] pairs =
        [
            """{"prompt":"p","chosen":[{"role":"user","content":"p"},{"content":"yes\u00e9😀","role":"assistant","x":[{}]}],"rejected":"no"}""",
            """{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"q"}],"chosen":"yes","rejected":[{"role":"assistant","content":""}]}""",
        ];
        string[] dialogues =
        [
            """{"conversations":[{"from":"human","value":"é😀"},{"from":"gpt","value":"a","more":{"b":null}}],"id":1}""",
            """{"conversations":[{"value":"s","from":"system"},{"from":"human","value":""}],"category":"c"}""",
        ];
        byte[] original = Encoding.UTF8.GetBytes(string.Join('\n', kind == SampleKind.Pair ? pairs : dialogues));
        var reader = new ExampleReader(kind: kind);
        int refused = 0;
        for (int i = 0; i < Cases; i++)
        {
            string path = _folder.Write("fuzz", Mutate(original, new CounterRandom(98, RandomPurpose.DataGeneration, i, (int)kind)));
            try
            {
                foreach (Example example in reader.Read(path))
                {
                    Assert.True(kind == SampleKind.Pair ? example is PreferenceExample : example is not PreferenceExample);
                }
            }
            catch (InputFileException e)
            {
                refused++;
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        Assert.InRange(refused, Cases / 4, Cases - 1);
    }

    private static byte[] Mutate(byte[] original, CounterRandom random)
    {
        ulong position = 0;
        List<byte> bytes = [.. original];
        int edits = 1 + (int)random.Below(4, ref position);
        for (int i = 0; i < edits && bytes.Count > 0; i++)
        {
            int at = (int)random.Below((uint)bytes.Count, ref position);
            byte value = random.Below(2, ref position) == 0 ? (byte)random.Below(256, ref position) : Telling[random.Below((uint)Telling.Length, ref position)];
            switch (random.Below(5, ref position))
            {
                case 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, value);
                    break;
                case 3:
                    bytes.AddRange(bytes.GetRange(at, Math.Min(40, bytes.Count - at)));
                    break;
                default:
                    bytes[at] = value;
                    break;
            }
        }

        return [.. bytes];
    }
}
