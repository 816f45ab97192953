using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>Words about words: opposites, plurals, rhymes, letters.</summary>
internal static class WordDocuments
{
    /// <summary>Writes about a few pairs of opposites.</summary>
    public static string Opposites(Draw d)
    {
        (string Left, string Right)[] pairs = [.. d.Sample(Lexicon.Opposites, d.Between(2, 5)).Select(p => d.Chance(50) ? p : (p.Right, p.Left))];
        return d.Below(3) switch
        {
            0 => "### Opposites\n" + string.Join('\n', pairs.Select(p => $"{p.Left} / {p.Right}")),
            1 => "Some words come in pairs: " + Commas(pairs.Select(p => $"{p.Left} and {p.Right}")) + ".",
            _ => string.Join(' ', pairs.Select(p => d.Say(
                $"{Capital(p.Left)} is the opposite of {p.Right}.", $"The words {p.Left} and {p.Right} are opposites.",
                $"If it is not {p.Left}, it may be {p.Right}.", $"The opposite of {p.Left} is {p.Right}.",
                $"Some say {p.Left}, others say {p.Right}.", $"From {p.Left} to {p.Right} is a long way.",
                $"Where one is {p.Left}, the other is {p.Right}."))),
        };
    }

    /// <summary>Writes a thing alone and then many of it.</summary>
    public static string Plurals(Draw d)
    {
        Thing[] some = d.Sample(Things.Nouns, d.Between(2, 4));
        Person p = d.Pick(Lexicon.People);
        return d.Below(3) switch
        {
            0 => "### Many\n\n" + string.Join('\n', some.Select(t => $"{t.Name} -> {t.Plural}")),
            1 => string.Join(' ', some.Select(t => d.Say(
                $"The plural of {t.Name} is {t.Plural}.", $"When there are many, {A(t.Name)} becomes {t.Plural}.",
                $"Say {t.Name} for one and {t.Plural} for many.", $"The word {t.Plural} means more than one {t.Name}."))),
            _ => string.Join(' ', some.Select(t => d.Say(
                $"{p.Name} saw {A(t.Name)}, and then many {t.Plural}.",
                $"First there was {A(t.Name)}; soon there were {Words(d.Between(3, 12))} {t.Plural}.",
                $"I drew {A(t.Name)}, but {p.Name} drew two {t.Plural}.",
                $"Not every {t.Name} is like the other {t.Plural}."))),
        };
    }

    /// <summary>Writes a rhyme or says which words rhyme.</summary>
    public static string Rhyme(Draw d)
    {
        string[] pair = d.Sample(d.Pick(Lexicon.Rhymes), 2);
        string[] second = d.Sample(d.Pick(Lexicon.Rhymes), 2);
        return d.Below(3) switch
        {
            0 => $"One word is {pair[0]},\nand one is {pair[1]}.\nSing it with {second[0]},\nsing it with {second[1]}.",
            1 => $"The word {pair[0]} rhymes with {pair[1]}, and {second[0]} rhymes with {second[1]}.",
            _ => $"{Capital(pair[0])}, {pair[1]}, {second[0]}, {second[1]}:\nnow the little song is done.",
        };
    }

    /// <summary>Writes the letters of a word, or a sign in capitals.</summary>
    public static string Letters(Draw d)
    {
        string[] words = [.. d.Sample(Things.Nouns, 2).Select(t => t.Name)];
        return d.Below(5) switch
        {
            0 => $"The word {words[0]} has {Words(words[0].Length)} letters: {string.Join(' ', words[0].ToCharArray())}.",
            1 => $"The sign said {words[0].ToUpperInvariant()} in big letters and {words[1]} in small letters.",
            2 => $"The word {words[0]} is a noun, and so is {words[1]}.",
            3 => $"{words[0].ToUpperInvariant()} AND {words[1].ToUpperInvariant()} FOR SALE!",
            _ => $"{words[0]}, {words[0].ToUpperInvariant()}, {Capital(words[0])}. {words[1]}, {words[1].ToUpperInvariant()}, {Capital(words[1])}.",
        };
    }
}
