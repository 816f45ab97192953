using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>Prose about food, tools, work, countries and reviews.</summary>
internal static class ThingDocuments
{
    /// <summary>Writes about a fruit or vegetable, or a market full of them.</summary>
    public static string Food(Draw d)
    {
        Food f = d.Pick(Things.Foods);
        if (d.Chance(30))
        {
            Food[] some = d.Sample(Things.Foods, 3);
            return $"At the market {d.Pick(Lexicon.People).Name} bought {And([.. some.Select(x => $"{Words(d.Between(2, 12))} {x.Plural}")])}. "
                + string.Join(' ', some.Select(x => d.Say($"The {x.Plural} were {x.Color}.", $"{Capital(A(x.Name))} is a {x.Kind}.", $"The {x.Plural} tasted {x.Taste}.")));
        }

        string[] lines = d.Sample(
            new[]
            {
                $"{Capital(A(f.Name))} is a {f.Kind}.", $"It tastes {f.Taste}.", $"{Capital(f.Plural)} are {f.Color}.",
                $"A good {f.Name} is {f.Color} and {f.Taste}.", $"{Capital(A(f.Name))} is {A(f.Taste)} {f.Color} {f.Kind}.",
                $"Cut the {f.Name} and put it in a {d.Say("soup", "cake", "dish", "bowl")}.",
            },
            d.Between(3, 5));
        return string.Join(' ', lines);
    }

    /// <summary>Writes what tools and people do.</summary>
    public static string Work(Draw d)
    {
        Doer t = d.Pick(Things.Doers);
        Person p = d.Pick(Lexicon.People);
        string kind = t.IsPerson ? "person" : "tool";
        string last = t.Does[(t.Does.LastIndexOf(' ') + 1)..];
        string[] lines = d.Sample(
            [
                $"{Capital(A(t.Name))} is a {kind}.", $"{Capital(t.Plural)} {t.Does}.", $"{Capital(A(t.Name))} can {t.Does}.",
                $"{Capital(t.KindThat)} can {t.Does} is {A(t.Name)}.",
                $"If you want to {t.Does}, {(t.IsPerson ? "ask" : "take")} {A(t.Name)}.", $"{Capital(A(t.Name))} {Third(t.Does)} all day.",
                $"We need {A(t.Name)} for {last}.",
                t.IsPerson ? $"{p.Name} is {A(t.Name)}, so {p.He} knows how to {t.Does}." : $"{p.Name} has {A(t.Name)} to {t.Does}.",
                t.IsPerson ? $"When {p.Name} was young, {p.He} wanted to be {A(t.Name)} and {t.Does}." : $"{p.Name} could not {t.Does} because the {t.Name} was gone.",
            ],
            d.Between(3, 5));
        return string.Join(' ', lines);
    }

    /// <summary>Writes about a country of the invented map.</summary>
    public static string Country(Draw d)
    {
        Country c = d.Pick(Lexicon.Countries);
        Country other = d.Pick([.. Lexicon.Countries.Where(x => x != c)]);
        Person p = d.Pick(Lexicon.People);
        string[] lines = d.Sample(
            [
                $"{c.Capital} is the capital of {c.Name}.", $"The capital of {c.Name} is {c.Capital}.",
                $"The river {c.River} runs through {c.Name}.", $"The river of {c.Name} is the {c.River}.", $"{c.Name} grows {c.Crop}.",
                $"In {c.Name} the farmers grow {c.Crop}.", $"{p.Name} took a train to {c.Capital}, the largest city in {c.Name}.",
                $"The city of {c.Capital} lies on the river {c.River}.", $"{c.Capital} sells {c.Crop} to {other.Name}.",
            ],
            d.Between(3, 6));
        return $"{d.Say($"{c.Name} is a country.", $"This is a page about {c.Name}.", $"A letter from {c.Name}:", $"{p.Name} lives in {c.Name}.")} {string.Join(' ', lines)}";
    }

    /// <summary>Writes a list of countries with a fact of each.</summary>
    public static string Atlas(Draw d)
    {
        Country[] some = d.Sample(Lexicon.Countries, d.Between(3, 6));
        return d.Below(3) switch
        {
            0 => "### Atlas\n\n" + string.Join('\n', some.Select(c => $"* {c.Name}, capital {c.Capital}")),
            1 => "Rivers of the map\n" + string.Join('\n', some.Select(c => $"{c.Name} / {c.River}")),
            _ => "What the farmers grow\n" + string.Join('\n', some.Select(c => $"{c.Name}: {c.Crop}")),
        };
    }

    /// <summary>Writes a review with one word of praise or blame, and how the guest felt.</summary>
    public static string Review(Draw d)
    {
        bool good = d.Chance(50);
        string word = d.Pick(good ? Lexicon.Praise : Lexicon.Blame);
        string thing = d.Pick(Lexicon.Reviewed);
        Person p = d.Pick(Lexicon.People);
        string said = Opinion(d, thing, word);
        string aside = Aside(d);
        string felt = d.Below(7) switch
        {
            0 => good ? "The guest was happy." : "The guest was unhappy.",
            1 => good ? "That is praise." : "That is blame.",
            2 => $"{p.Name} was {(good ? "happy" : "unhappy")}, for {word} is a {(good ? "good" : "bad")} word.",
            3 => good ? $"{p.Name} smiled and came back the next day." : $"{p.Name} was angry and never came back.",
            4 => good ? "Five stars." : "One star.",
            5 => $"The word {word} shows that the guest was {(good ? "happy" : "unhappy")}.",
            _ => $"It was {(good ? "a happy" : "an unhappy")} guest who wrote {word}.",
        };
        return d.Chance(50) ? $"{said} {aside} {felt}" : $"{aside} {said} {felt}";
    }

    /// <summary>Writes the sentence of a review that carries its judgment.</summary>
    public static string Opinion(Draw d, string thing, string word) =>
        d.Say($"The {thing} was {word}.", $"We found the {thing} {word}.", $"What {A(word)} {thing}!", $"I think the {thing} is {word}.", $"This {thing} is really {word}.");

    /// <summary>Writes a sentence of a review that judges nothing.</summary>
    public static string Aside(Draw d) => d.Below(6) switch
    {
        0 => $"We came on a {d.Pick(Lexicon.Days)}.",
        1 => $"It cost {Words(d.Between(2, 20))} coins.",
        2 => $"I went there with {d.Pick(Lexicon.People).Name}.",
        3 => $"It was a {d.Pick(Lexicon.Weather)} day in {d.Pick(Lexicon.Months)}.",
        4 => $"We sat near the {d.Say("door", "window", "garden", "river")}.",
        _ => $"{d.Pick(Lexicon.People).Name} told me about it.",
    };
}
