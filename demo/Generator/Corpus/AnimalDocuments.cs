using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>Prose about animals: portraits, comparisons and tables.</summary>
internal static class AnimalDocuments
{
    /// <summary>Writes a portrait: most facts about one animal, in random order.</summary>
    public static string Portrait(Draw d)
    {
        Animal a = d.Pick(Animals.All);
        string[] facts = d.Sample(new[] { Home(d, a), Color(d, a), Sound(d, a), Food(d, a), Nature(d, a), Home(d, a) }, d.Between(4, 6));
        string opening = d.Say($"This is {A(a.Name)}.", $"Here is a page about the {a.Name}.", $"Let us look at the {a.Name}.", $"{Capital(a.Plural)} are animals.");
        return $"{opening} {string.Join(' ', facts)}";
    }

    /// <summary>Writes what differs between two animals.</summary>
    public static string Comparison(Draw d)
    {
        Animal[] pair = d.Sample(Animals.All, 2);
        (Animal a, Animal b) = (pair[0], pair[1]);
        string[] lines = d.Sample(
            new[]
            {
                $"The {a.Name} lives {a.At}, but the {b.Name} lives {b.At}.",
                a.Color == b.Color ? $"The {a.Name} and the {b.Name} are both {a.Color}." : $"The {a.Name} is {a.Color} and the {b.Name} is {b.Color}.",
                $"{Capital(a.Plural)} {a.Sound}. {Capital(b.Plural)} {b.Sound}.",
                a.Food == b.Food ? $"Both of them eat {a.Food}." : $"{Capital(a.Plural)} eat {a.Food}, while {b.Plural} eat {b.Food}.",
                $"The {a.Name} is {a.Nature}; the {b.Name} is {b.Nature}.",
            },
            d.Between(3, 5));
        return $"{d.Say($"The {a.Name} and the {b.Name} are not the same.", $"A {a.Color} {a.Name} met {A(b.Color)} {b.Name}.", $"Think of {A(a.Name)} and {A(b.Name)}.")} {string.Join(' ', lines)}";
    }

    /// <summary>Writes a short table of one fact about several animals.</summary>
    public static string Register(Draw d)
    {
        Animal[] some = d.Sample(Animals.All, d.Between(3, 6));
        return d.Below(4) switch
        {
            0 => "### Animals and homes\n" + string.Join('\n', some.Select(a => $"{a.Name}: {a.Home}")),
            1 => "Animal, color, food\n" + string.Join('\n', some.Select(a => $"{a.Name}, {a.Color}, {a.Food}")),
            2 => "### Sounds\n\n" + string.Join('\n', some.Select(a => $"- {a.Plural} {a.Sound}")),
            _ => $"List {d.Between(1, 99)}:\n" + string.Join('\n', some.Select((a, i) => $"{i + 1}. The {a.Name} eats {a.Food}.")),
        };
    }

    /// <summary>Writes about one place and who lives there.</summary>
    public static string Place(Draw d)
    {
        string home = d.Pick(Animals.All).Home;
        Animal[] there = [.. Animals.All.Where(a => a.Home == home)];
        string names = And([.. d.Sample(there, Math.Min(there.Length, 3)).Select(a => "the " + a.Name)]);
        string at = Animals.At(home);
        Animal one = d.Pick(there);
        return d.Say(
            $"Who lives {at}? It is the home of {names}. The {one.Name} is {one.Nature}. {Sound(d, one)}",
            $"{Capital(at)} lives {A(one.Name)}. {Color(d, one)} {Food(d, one)}",
            $"{Capital(at)} there is much to see. It is the home of {names}. The {one.Name} eats {one.Food}.");
    }

    private static string Home(Draw d, Animal a) => d.Say(
        $"The {a.Name} lives {a.At}.", $"{Capital(a.Plural)} live {a.At}.", $"Its home is the {a.Home}.",
        $"You can find the {a.Name} {a.At}.", $"The home of the {a.Name} is the {a.Home}.", $"It sleeps {a.At}.");

    private static string Color(Draw d, Animal a) => d.Say(
        $"The {a.Name} is {a.Color}.", $"{Capital(a.Plural)} are {a.Color}.", $"Its color is {a.Color}.",
        $"The color of the {a.Name} is {a.Color}.", $"It is {a.Color} from head to foot.");

    private static string Sound(Draw d, Animal a) => d.Say(
        $"The {a.Name} {a.Sounds}.", $"{Capital(a.Plural)} {a.Sound}.", $"When it is glad, the {a.Name} {a.Sounds}.",
        $"It {a.Sounds} at night.", $"You can hear the {a.Name} when it {a.Sounds}.", $"All {a.Plural} {a.Sound}.");

    private static string Food(Draw d, Animal a) => d.Say(
        $"The {a.Name} eats {a.Food}.", $"{Capital(a.Plural)} eat {a.Food}.", $"It likes to eat {a.Food}.",
        $"The food of the {a.Name} is {a.Food}.", $"It looks for {a.Food} all day.");

    private static string Nature(Draw d, Animal a) => d.Say(
        $"The {a.Name} is {a.Nature}.", $"It is {A(a.Nature)} animal.", $"{Capital(a.Plural)} are {a.Nature}.",
        $"People call it {a.Nature}.");
}
