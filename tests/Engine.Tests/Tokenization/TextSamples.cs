using System.Text;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>Texts that are hard on tokenizers, and random ones.</summary>
internal static class TextSamples
{
    /// <summary>Well-formed texts: what is encoded must decode to the same characters.</summary>
    public static readonly string[] Hard =
    [
        "",
        " ",
        "a",
        "\0",
        "a\0b\0\0",
        "👩‍👩‍👧‍👦 family 🏳️‍🌈 flag",
        "CJK extension B: 𠀀𠀁𪛖 and 𝒜𝓑 letters, 𝟙𝟚 digits",
        "combining: e\u0301 a\u0328\u0301 q\u0307\u0323 \u0301start",
        "עברית مرحبا بالعالم \u202Ertl\u202C",
        "tabs\t\t\tlines\r\n\r\n\n  \n",
        new string(' ', 257) + "x" + new string(' ', 300),
        new string('\n', 99),
        "a" + new string('!', 400),
        "\u00A0\u2003\u3000\u0085 spaces \u200B",
        "ﬁ ligature ½ Ⅷ ㎏ ´ ¨",
        "don't we'll I'M you'RE 'tis ''' 12345678 3.14",
        "\uFFFD \uFEFFbom \uFFFF \U0010FFFF",
        "ＡＢＣ 全角　スペース ﾊﾝｶｸ",
    ];

    /// <summary>A random text over an alphabet.</summary>
    /// <param name="alphabet">The strings to choose from.</param>
    /// <param name="maximumLength">Most strings to choose.</param>
    /// <param name="index">Which of the random texts.</param>
    public static string Random(IReadOnlyList<string> alphabet, int maximumLength, int index)
    {
        CounterRandom random = new(2023, default, step: index);
        ulong position = 0;
        uint length = random.Below((uint)maximumLength + 1, ref position);
        StringBuilder text = new();
        for (uint i = 0; i < length; i++)
        {
            text.Append(alphabet[(int)random.Below((uint)alphabet.Count, ref position)]);
        }

        return text.ToString();
    }
}
