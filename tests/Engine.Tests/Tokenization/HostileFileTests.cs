using System.Text;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.SentencePiece;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>Damaged files: a typed error or a tokenizer that works, and never much memory.</summary>
public sealed class HostileFileTests
{
    private const int Cases = 2000;

    // Far above what a sound file of this size takes, far below what an unchecked length would ask for.
    private const long MaximumAllocation = 16 << 20;

    [Fact]
    public void Load_MutatedModel_OnlyTypedErrors()
    {
        byte[] charsmap = ModelBytes.Charsmap(("ｆ", "f"), ("ﬁ", "fi"));
        byte[] bytePair = new ModelBytes(isBytePair: true).Normalizer(true, true).BytePieces()
            .Piece("▁", -1).Piece("a", -2).Piece("b", -3).Piece("ab", -1, ModelBytes.Unused).Piece("<u>", 0, ModelBytes.UserDefined).ToArray();
        byte[] unigram = new ModelBytes(isBytePair: false).Normalizer(true, true, charsmap)
            .Piece("▁", -1).Piece("a", -2).Piece("▁a", -3).Piece("ab", -1).Piece("f", 0).ToArray();
        Fuzz(bytePair, "tokenizer.model", path => SentencePieceTokenizer.Load(path));
        Fuzz(unigram, "tokenizer.model", path => SentencePieceTokenizer.Load(path));
    }

    [Fact]
    public void Load_MutatedJson_OnlyTypedErrors()
    {
        string json = JsonFiles.ByteLevel().Adding(259, "<s>", """{"special":true,"lstrip":true}""")
            .With("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"String":"x"},"content":"y"}]}""")
            .With("post_processor", """
                {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
                "special_tokens":{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]}}}
                """).ToJsonString();
        Fuzz(Encoding.UTF8.GetBytes(json), "tokenizer.json", path => TokenizerDirectory.Load(path));
    }

    [Fact]
    public void Load_LengthPastTheEnd_IsRefusedWithoutAllocating()
    {
        // Field 1, a message of 2^31 - 1 bytes.
        AssertRefused([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]);

        // A key of eleven bytes, a group, field 0, and an empty file.
        AssertRefused([.. Enumerable.Repeat((byte)0xFF, 11)]);
        AssertRefused([0x0B]);
        AssertRefused([0x02, 0x00]);
        AssertRefused([]);
    }

    private static void AssertRefused(byte[] bytes)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InputFileException>(() => SentencePieceFile.Read(bytes, "tokenizer.model"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private static void Fuzz(byte[] sound, string name, Func<string, ITokenizer> load)
    {
        using TokenizerFolder folder = new();
        int refused = 0;
        for (int i = 0; i < Cases; i++)
        {
            byte[] bytes = Mutate(sound, i);
            folder.With(name, bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ITokenizer tokenizer = load(folder.File(name));
                IReadOnlyList<Token> tokens = tokenizer.Encode(" abc <u>ﬁ<s> ｆe\u0301 日\uD800");
                tokenizer.Decode([.. tokens.Select(token => token.Id)], keepSpecial: true);
            }
            catch (InputFileException exception)
            {
                Assert.DoesNotContain('\n', exception.Message);
                refused++;
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaximumAllocation);
        }

        // Some damage is harmless and some is not: both must have been seen.
        Assert.InRange(refused, 1, Cases - 1);
    }

    // One to four changes: a byte overwritten, a bit flipped, a stretch cut out or doubled, or the end cut off.
    private static byte[] Mutate(byte[] sound, int index)
    {
        CounterRandom random = new(7, default, step: index);
        ulong position = 0;
        List<byte> bytes = [.. sound];
        uint changes = 1 + random.Below(4, ref position);
        for (uint change = 0; change < changes && bytes.Count > 0; change++)
        {
            int at = (int)random.Below((uint)bytes.Count, ref position);
            int length = Math.Min(1 + (int)random.Below(16, ref position), bytes.Count - at);
            switch (random.Below(6, ref position))
            {
                case 0:
                case 1:
                    bytes[at] = (byte)random.Below(256, ref position);
                    break;
                case 2:
                    bytes[at] ^= (byte)(1 << (int)random.Below(8, ref position));
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                default:
                    bytes.RemoveRange(at, random.Below(4, ref position) == 0 ? bytes.Count - at : 0);
                    break;
            }
        }

        return [.. bytes];
    }
}
