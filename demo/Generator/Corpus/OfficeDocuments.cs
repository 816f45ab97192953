using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>
/// Office prose, notes and quiz cards: they bring headings, blank lines, and the words that instruction templates use,
/// but no question is ever followed by its answer in the form of the demo's instruction dataset.
/// </summary>
internal static class OfficeDocuments
{
    /// <summary>Writes about a clerk and the paper on the desk, with the words of instruction templates.</summary>
    public static string Clerk(Draw d)
    {
        Person p = d.Pick(Lexicon.People);
        string thing = d.Pick(Things.Nouns).Name;
        string[] lines = d.Sample(
            [
                $"{p.Name} works in an office and reads each instruction with care.", "Below is an instruction that describes a task.",
                "Write a response that appropriately completes the request.",
                $"Below the window is {A(thing)}.", $"An instruction describes a task; a response completes the request.",
                $"The request was short, and the response was long.",
                $"{p.Name} wrote a response about the {thing}.", $"On the desk is a paper that describes {A(thing)}.",
                "Every task has a title, a text and a date.", $"The text on the page is about {A(thing)}.",
                $"{p.Name} completes the task on {d.Pick(Lexicon.Days)}.", "A clear answer appropriately ends the letter.",
                $"The map on the wall shows {d.Pick(Lexicon.Countries).Name}.",
                $"It is a fact that {A(thing)} is not {A(d.Pick(Things.Toys).Name)}.", $"The letter says that the {thing} is here.",
            ],
            d.Between(3, 5));
        return string.Join(d.Chance(25) ? "\n\n" : " ", lines);
    }

    /// <summary>Writes notes under headings.</summary>
    public static string Notes(Draw d)
    {
        Thing[] toys = d.Sample(Things.Toys, 3);
        Doer t = d.Pick(Things.Doers);
        Animal a = d.Pick(Animals.All);
        string heading = d.Say("### Instruction:", "### Response:", "### Notes:", "### Task:", "### Request:", "### Letter:", "### Today:", "### Plan:");
        string body = d.Below(5) switch
        {
            0 => $"We need {Words(d.Between(2, 9))} {toys[0].Plural}, {Words(d.Between(2, 9))} {toys[1].Plural} and {A(toys[2].Name)}.",
            1 => $"{Capital(A(t.Name))} came at {d.Between(1, 12)} and went at {d.Between(1, 12)}.",
            2 => $"The {a.Name} was {a.At} again. It was {a.Color}.",
            3 => $"1. {Capital(toys[0].Name)}\n2. {Capital(toys[1].Name)}\n3. {Capital(toys[2].Name)}",
            _ => $"Please put the {toys[0].Name} on the {toys[1].Name}. Do not touch the {toys[2].Name}.",
        };
        string close = d.Say("", $"\n\n### Date:\n{d.Pick(Lexicon.Months)} {d.Between(1, 28)}", $"\n\nSigned: {d.Pick(Lexicon.People).Name}", "\n\n### End");
        return heading + d.Say("\n", " ", "\n\n") + body + close;
    }

    /// <summary>Writes a quiz card: a question and its bare answer, in a form of its own.</summary>
    public static string Quiz(Draw d)
    {
        int rows = d.Between(1, 4);
        string separator = d.Say("\nA: ", " ... ", " = ", "\nReply: ");
        return string.Join(separator[0] == '\n' ? "\n\n" : "\n", Enumerable.Range(0, rows).Select(_ => Card(d, separator)));
    }

    private static string Card(Draw d, string separator)
    {
        Animal a = d.Pick(Animals.All);
        Country c = d.Pick(Lexicon.Countries);
        Doer t = d.Pick(Things.Doers);
        (string left, string right) = d.Pick(Lexicon.Opposites);
        Thing n = d.Pick(Things.Nouns);
        (int x, int y, int z, bool plus) = NumberDocuments.Numbers(d);
        int day = d.Below(7);
        (string question, string answer) = d.Below(9) switch
        {
            0 => ($"in which place do you see the {a.Name}?", a.Home),
            1 => ($"which animal {a.Sounds} {a.At}?", a.Name),
            2 => ($"the color of {a.Plural}?", a.Color),
            3 => ($"capital city, {c.Name}?", c.Capital),
            4 => ($"which country has the river {c.River}?", c.Name),
            5 => ($"who or what can {t.Does}?", t.Name),
            6 => ($"what is not {left}?", right),
            7 => ($"many of {n.Name}?", n.Plural),
            _ => d.Chance(50) ? ($"{x} {(plus ? '+' : '-')} {y}?", z.ToString()) : ($"{Lexicon.Days[day]}, and then?", Lexicon.Days[(day + 1) % 7]),
        };
        return $"Q: {question}{separator}{answer}";
    }
}
