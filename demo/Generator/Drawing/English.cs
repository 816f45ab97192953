namespace FedLLM.DemoData.Drawing;

/// <summary>Small rules of English that the sentences share.</summary>
internal static class English
{
    private static readonly string[] Small =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] Tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    /// <summary>Puts <c>a</c> or <c>an</c> before a word of the world; of those that open with a vowel only <c>useless</c> sounds otherwise.</summary>
    public static string A(string word) => ("aeiou".Contains(word[0]) && word != "useless" ? "an " : "a ") + word;

    /// <summary>Makes the first letter a capital.</summary>
    public static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>Joins items as <c>a, b and c</c>.</summary>
    public static string And(IReadOnlyList<string> items) => items.Count == 1 ? items[0] : $"{string.Join(", ", items.Take(items.Count - 1))} and {items[^1]}";

    /// <summary>Joins items as <c>a, b, c</c>.</summary>
    public static string Commas(IEnumerable<string> items) => string.Join(", ", items);

    /// <summary>Writes a number below 100 in words.</summary>
    public static string Words(int number) => number < 20 ? Small[number] : Tens[number / 10] + (number % 10 == 0 ? "" : "-" + Small[number % 10]);

    /// <summary>Turns the verb that opens a phrase into its third person: <c>carry water</c> to <c>carries water</c>.</summary>
    public static string Third(string phrase)
    {
        int space = phrase.IndexOf(' ');
        string verb = space < 0 ? phrase : phrase[..space];
        string rest = space < 0 ? "" : phrase[space..];
        bool hissing = verb.EndsWith('s') || verb.EndsWith('x') || verb.EndsWith('z') || verb.EndsWith("ch", StringComparison.Ordinal) || verb.EndsWith("sh", StringComparison.Ordinal);
        if (hissing)
        {
            return verb + "es" + rest;
        }

        return verb.EndsWith('y') && !"aeiou".Contains(verb[^2]) ? verb[..^1] + "ies" + rest : verb + "s" + rest;
    }
}
