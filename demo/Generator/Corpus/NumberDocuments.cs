using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>Counting, sums, order and the calendar.</summary>
internal static class NumberDocuments
{
    /// <summary>Writes a few sums and differences of small numbers, in digits or words.</summary>
    public static string Sums(Draw d)
    {
        int lines = d.Between(3, 6);
        bool list = d.Chance(60);
        return string.Join(list ? "\n" : " ", Enumerable.Range(0, lines).Select(_ => Sum(d, list)));
    }

    /// <summary>Writes a small problem about things that come and go.</summary>
    public static string Problem(Draw d)
    {
        Person p = d.Pick(Lexicon.People);
        Thing t = d.Pick(Things.Toys);
        (int a, int b, int c, bool plus) = Numbers(d);
        while (a < 2 || b < 2)
        {
            (a, b, c, plus) = Numbers(d);
        }

        return plus
            ? d.Say(
                $"{p.Name} had {a} {t.Plural}. Then {p.He} got {b} more {t.Plural}. Now {p.He} has {c} {t.Plural}, because {a} + {b} = {c}.",
                $"There were {a} {t.Plural} in one bag and {b} in another. That is {c} {t.Plural} together, for {a} plus {b} is {c}.")
            : d.Say(
                $"{p.Name} had {a} {t.Plural}. {Capital(p.He)} gave away {b} of them. Now {p.He} has {c} left, because {a} - {b} = {c}.",
                $"Of {a} {t.Plural}, {b} were lost. That leaves {c}, for {a} minus {b} is {c}.");
    }

    /// <summary>Writes numbers before and after they are put in order.</summary>
    public static string Order(Draw d)
    {
        int[] numbers = d.Sample(Enumerable.Range(1, 30), d.Between(3, 5));
        int[] up = [.. numbers.Order()];
        string mixed = Commas(numbers.Select(n => n.ToString()));
        string sorted = Commas(up.Select(n => n.ToString()));
        string falling = Commas(up.Reverse().Select(n => n.ToString()));
        Person p = d.Pick(Lexicon.People);
        return d.Below(6) switch
        {
            0 => $"{p.Name} put the numbers {mixed} in a row from small to big: {sorted}.",
            1 => $"mixed: {mixed}\nsmall to big: {sorted}\nbig to small: {falling}",
            2 => $"The numbers {mixed} are not sorted. Sorted from big to small they are {falling}.",
            3 => $"The smallest of {mixed} is {up[0]} and the largest is {up[^1]}. In rising order: {sorted}.",
            4 => $"{up[0]} < {up[1]} and {up[1]} < {up[2]}. Also {up[2]} > {up[1]} and {up[1]} > {up[0]}. So the rising order is {up[0]}, {up[1]}, {up[2]}.",
            _ => $"{p.Name} drew the cards {mixed}. {Capital(p.He)} sorted them: first {And([.. up.Select(n => n.ToString())])}.",
        };
    }

    /// <summary>Writes numbers that follow one another by a fixed step.</summary>
    public static string Counting(Draw d)
    {
        int step = d.Pick([1, 1, 2, 3, 5, 10]);
        int start = step is 5 or 10 ? step * d.Between(1, 8) : d.Between(1, 40);
        int[] run = [.. Enumerable.Range(0, d.Between(5, 9)).Select(i => start + (i * step)).Where(n => n < 100)];
        Person p = d.Pick(Lexicon.People);
        string digits = Commas(run.Select(n => n.ToString()));
        return d.Below(4) switch
        {
            0 => $"{p.Name} counts by {Words(step)}: {digits}.",
            1 => digits,
            2 => $"{Capital(Commas(run.Select(Words)))}.",
            _ => $"We count: {digits}. In words: {Commas(run.Select(Words))}.",
        };
    }

    /// <summary>Writes days or months in their order.</summary>
    public static string Calendar(Draw d)
    {
        bool days = d.Chance(50);
        IReadOnlyList<string> names = days ? Lexicon.Days : Lexicon.Months;
        string unit = days ? "day" : "month";
        int at = d.Below(names.Count);
        string Name(int offset) => names[(at + offset + names.Count) % names.Count];
        Person p = d.Pick(Lexicon.People);
        return d.Below(6) switch
        {
            0 => $"The {unit} after {Name(0)} is {Name(1)}. The {unit} after {Name(1)} is {Name(2)}. The {unit} before {Name(0)} is {Name(-1)}.",
            1 => Commas(Enumerable.Range(0, d.Between(4, 8)).Select(Name)),
            2 => $"{Name(0)} is followed by {Name(1)}, and {Name(1)} is followed by {Name(2)}.",
            3 => $"### Diary\n\n" + string.Join('\n', Enumerable.Range(0, d.Between(3, 5)).Select(i => $"{Name(i)}: {d.Pick(Lexicon.Weather)}, {p.Name} {d.Say("slept", "read a book", "went out", "made soup", "sang a song", "saw " + A(d.Pick(Animals.All).Name))}.")),
            4 => $"It was {Name(0)}. {p.Name} waited until {Name(1)}, then until {Name(2)}, and {(days ? "on" : "in")} {Name(3)} the letter came.",
            _ => $"From {Name(0)} to {Name(3)} the order is {And([Name(0), Name(1), Name(2), Name(3)])}.",
        };
    }

    /// <summary>Draws a sum (at most 24) or a difference of small numbers and its result.</summary>
    public static (int A, int B, int C, bool Plus) Numbers(Draw d)
    {
        if (d.Chance(50))
        {
            (int a, int b) = (d.Between(1, 12), d.Between(1, 12));
            return (a, b, a + b, true);
        }

        int from = d.Between(3, 20);
        int less = d.Between(1, Math.Min(from - 1, 12));
        return (from, less, from - less, false);
    }

    private static string Sum(Draw d, bool list)
    {
        (int a, int b, int c, bool plus) = Numbers(d);
        string end = list ? "" : ".";
        return plus
            ? d.Say($"{a} + {b} = {c}", $"{a} plus {b} is {c}", $"{a} and {b} are {c}", $"{b} added to {a} gives {c}", $"{Words(a)} plus {Words(b)} is {Words(c)}") + end
            : d.Say($"{a} - {b} = {c}", $"{a} minus {b} is {c}", $"{b} from {a} is {c}", $"{b} taken from {a} gives {c}", $"{Words(a)} minus {Words(b)} is {Words(c)}") + end;
    }
}
