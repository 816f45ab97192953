using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Corpus;

/// <summary>Small stories, and scenes whose details come back at the end.</summary>
internal static class StoryDocuments
{
    /// <summary>Writes a story: a friend, a thing that is lost or found, an ending.</summary>
    public static string Tale(Draw d)
    {
        Person p = d.Pick(Lexicon.People);
        Animal a = d.Pick(Animals.All);
        string color = d.Pick(Lexicon.Colors);
        Thing toy = d.Pick(Things.Toys);
        string opening = d.Say(
            $"One day {p.Name} went to the {a.Home}.", $"On {d.Pick(Lexicon.Days)} {p.Name} was alone {a.At}.",
            $"It was a {d.Pick(Lexicon.Weather)} day in {d.Pick(Lexicon.Months)}.",
            $"Long ago {A(a.Nature)} {a.Name} lived {a.At}.");
        string middle = d.Below(5) switch
        {
            0 => $"There {p.Name} saw {A(a.Name)} with {A(color)} {toy.Name}. The {a.Name} wanted to play with the {toy.Name}.",
            1 => $"{p.Name} had {A(color)} {toy.Name}, but the {toy.Name} fell into the water. The {a.Name} was {a.Nature} and brought the {toy.Name} back.",
            2 => $"The {a.Name} had lost its {color} {toy.Name}. {p.Name} looked for the {toy.Name} and found it under a tree.",
            3 => $"{p.Name} gave the {a.Name} some {a.Food}. Then the {a.Name} gave {p.Name} {A(color)} {toy.Name}.",
            _ => $"The {a.Name} saw {A(color)} {toy.Name} and began to {a.Sound} with joy. It ran to {p.Name} with the {toy.Name}.",
        };
        string speech = d.Below(4) switch
        {
            0 => $"\"Thank you for the {toy.Name},\" said {p.Name}.",
            1 => $"{p.Name} said, \"What a fine {color} {toy.Name}!\"",
            2 => $"\"Is this {toy.Name} for me?\" asked {p.Name}. The {a.Name} began to {a.Sound}.",
            _ => $"The {a.Name} began to {a.Sound} and {p.Name} laughed.",
        };
        string ending = d.Say(
            $"Then {p.Name} went home with the {a.Name}.", $"They played until the night.",
            $"From that day on the {a.Name} and {p.Name} were friends.", $"That night {p.Name} slept well.",
            $"{p.Name} never forgot the {color} {toy.Name}.", "Everyone was happy in the end.", "They met once more, and that was that.",
            $"{p.Name} ran backwards for joy.", "The children lined up at the door to see it.",
            $"It was late, yet {p.Name} did not want to go home.", $"{p.Name} took the {toy.Name} home to the {d.Say("house", "town", "farm", "garden")}.", "That was the end of a good day.");
        return string.Join(' ', opening, middle, speech, ending);
    }

    /// <summary>Writes who has what, in which color and number, and says some of it again.</summary>
    public static string Belongings(Draw d)
    {
        Person[] people = d.Sample(Lexicon.People, 3);
        Thing[] toys = d.Sample(Things.Toys, 3);
        string[] colors = d.Sample(Lexicon.Colors, 3);
        int[] counts = d.Sample(Enumerable.Range(2, 11), 3);
        int k = d.Below(3);
        if (d.Chance(50))
        {
            string scene = d.Say(
                $"{people[0].Name} has {A(colors[0])} {toys[0].Name}, {people[1].Name} has {A(colors[1])} {toys[1].Name} and {people[2].Name} has {A(colors[2])} {toys[2].Name}.",
                $"On the table there was {A(colors[0])} {toys[0].Name}, {A(colors[1])} {toys[1].Name} and {A(colors[2])} {toys[2].Name}.",
                $"{people[0].Name} bought {A(colors[0])} {toys[0].Name}. {people[1].Name} bought {A(colors[1])} {toys[1].Name}. {people[2].Name} bought {A(colors[2])} {toys[2].Name}.");
            return scene + " " + d.Say(
                $"So the {toys[k].Name} is {colors[k]}.", $"The color of the {toys[k].Name} is {colors[k]}.",
                $"If you want the {toys[k].Name}, look for something {colors[k]}.", $"The {colors[k]} thing is the {toys[k].Name}.",
                $"Everyone liked the {toys[k].Name} because it was {colors[k]}.");
        }

        string numbers = d.Say(
            $"{people[0].Name} has {Words(counts[0])} {toys[0].Plural}, {people[1].Name} has {Words(counts[1])} {toys[1].Plural} and {people[2].Name} has {Words(counts[2])} {toys[2].Plural}.",
            $"In the shop there are {Words(counts[0])} {toys[0].Plural}, {Words(counts[1])} {toys[1].Plural} and {Words(counts[2])} {toys[2].Plural}.");
        return numbers + " " + d.Say(
            $"So there are {Words(counts[k])} {toys[k].Plural}.", $"The number of {toys[k].Plural} is {Words(counts[k])}.",
            $"We counted the {toys[k].Plural} again: {Words(counts[k])}.", $"That is {counts[k]} {toys[k].Plural} in all.");
    }

    /// <summary>Writes a walk there and back: the same things in order, then in reverse.</summary>
    public static string Walk(Draw d)
    {
        Person p = d.Pick(Lexicon.People);
        string[] way = [.. d.Sample(Things.Nouns, d.Between(3, 4)).Select(t => t.Name)];
        string[] back = [.. way.Reverse()];
        return d.Below(6) switch
        {
            0 => $"On the way there {p.Name} passed {And([.. way.Select(A)])}. On the way back {p.He} passed the {And(back).Replace(", ", ", the ", StringComparison.Ordinal).Replace(" and ", " and the ", StringComparison.Ordinal)}.",
            1 => $"{p.Name} wrote these words: {Commas(way)}. Read from the end, they are {Commas(back)}.",
            2 => $"First to last: {Commas(way)}\nLast to first: {Commas(back)}",
            3 => $"There were {way.Length} cards on the table: {Commas(way)}. {p.Name} turned the row around. Now it was {Commas(back)}.",
            4 => $"{p.Name} said, \"{Capital(string.Join(' ', way))}.\" The others repeated: \"{Capital(string.Join(' ', way))}.\"",
            _ => $"The train had cars with {And([.. way.Select(A)])} on them. It came home the other way around: {Commas(back)}.",
        };
    }

    /// <summary>Writes a talk between two people about one fact.</summary>
    public static string Talk(Draw d)
    {
        Person[] pair = d.Sample(Lexicon.People, 2);
        (string first, string second) = (pair[0].Name, pair[1].Name);
        Animal a = d.Pick(Animals.All);
        Doer t = d.Pick(Things.Doers);
        Country c = d.Pick(Lexicon.Countries);
        return d.Below(5) switch
        {
            0 => $"{first} asked {second} about the {a.Name}. \"It lives {a.At},\" said {second}. \"And what does it like?\" \"It likes {a.Food},\" {second} said.",
            1 => $"\"I can hear {A(a.Name)},\" said {first}. \"Yes,\" said {second}, \"it {a.Sounds}.\"",
            2 => $"{first} wanted to know what {A(t.Name)} can do. \"{Capital(A(t.Name))} can {t.Does},\" said {second}.",
            3 => $"\"Have you been to {c.Name}?\" asked {first}. \"Yes, I lived in {c.Capital}, on the river {c.River},\" said {second}. \"They grow {c.Crop} there.\"",
            _ => $"{first} saw something {a.Color} {a.At}. \"That must be {A(a.Name)},\" said {second}. It {a.Sounds}, so {pair[1].He} was right.",
        };
    }
}
