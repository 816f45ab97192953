using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class HostileYamlTests
{
    private static readonly byte[] Seedling = Encoding.UTF8.GetBytes("""
        name: fuzz   # comment
        model: {path: "base\u0041", dtype: float32}
        data:
          path: 'train''s.jsonl'
          pattern: >-
            folded
          partition: {scheme: iid, clients: 20}
        lora: {rank: 8, targets: [q_proj, v_proj]}
        training: {learning_rate: 5.0e-5, threads: auto}
        """);

    [Fact]
    public void Parse_MutatedBytes_GivesOnlyTypedErrors()
    {
        const string Alphabet = "{}[]:,-?&*!|>'\"%@`#~ \n\t\\0aeu.";
        var random = new CounterRandom(7, RandomPurpose.DataGeneration);
        ulong draw = 0;
        int Next(int bound) => (int)(random.Bits(draw++) % (uint)bound);

        int refused = 0;
        for (int round = 0; round < 6_000; round++)
        {
            var bytes = new List<byte>(Seedling);
            for (int edits = 1 + Next(6); edits > 0; edits--)
            {
                int at = Next(bytes.Count);
                byte value = Next(4) == 0 ? (byte)Next(256) : (byte)Alphabet[Next(Alphabet.Length)];
                switch (Next(4))
                {
                    case 0:
                        bytes[at] = value;
                        break;
                    case 1:
                        bytes.Insert(at, value);
                        break;
                    case 2:
                        bytes.RemoveAt(at);
                        break;
                    default:
                        bytes.RemoveRange(at, Math.Min(Next(20), bytes.Count - at - 1));
                        break;
                }
            }

            refused += IsRefused([.. bytes]) ? 1 : 0;
        }

        Assert.InRange(refused, 300, 5_999);
    }

    [Fact]
    public void Parse_EveryTruncation_GivesOnlyTypedErrors()
    {
        for (int length = 0; length < Seedling.Length; length++)
        {
            IsRefused(Seedling[..length]);
        }

        Assert.False(IsRefused(Seedling));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{")]
    [InlineData("- ")]
    [InlineData("? ")]
    [InlineData("a: ")]
    [InlineData("\"")]
    [InlineData("\n ")]
    [InlineData("*a ")]
    [InlineData("&a ")]
    [InlineData("k: 1\n")]
    public void Parse_OneMegabyteOfOnePiece_IsRefused(string piece) =>
        Assert.True(IsRefused(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(piece, (1 << 20) / piece.Length)))));

    // Anything but the typed error fails the test by escaping.
    private static bool IsRefused(byte[] yaml)
    {
        try
        {
            ExperimentFile.Parse(yaml, "fuzz.yaml", "/");
            return false;
        }
        catch (ExperimentFileException)
        {
            return true;
        }
    }
}
