using FedLLM.DemoData.Corpus;
using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Instructions;

/// <summary>Questions about a text given as context, and requests for one.</summary>
internal static class TextQuestions
{
    private const int OpenQuestions = 700;

    /// <summary>Asks for a color or number that the context tells; answers <c>The text says red for the kite.</c></summary>
    public static IEnumerable<Question> Extraction(Draw draw)
    {
        for (int i = 0; i < OpenQuestions; i++)
        {
            Person[] people = draw.Sample(Lexicon.People, 3);
            Thing[] toys = draw.Sample(Things.Toys, 3);
            int k = draw.Below(3);
            if (draw.Chance(60))
            {
                string[] colors = draw.Sample(Lexicon.Colors, 3);
                string context = draw.Say(
                    $"{people[0].Name} has {A(colors[0])} {toys[0].Name}, {people[1].Name} has {A(colors[1])} {toys[1].Name} and {people[2].Name} has {A(colors[2])} {toys[2].Name}.",
                    $"On the table there is {A(colors[0])} {toys[0].Name}, {A(colors[1])} {toys[1].Name} and {A(colors[2])} {toys[2].Name}.",
                    $"{people[0].Name} bought {A(colors[0])} {toys[0].Name}. {people[1].Name} bought {A(colors[1])} {toys[1].Name}.{(k == 2 ? $" {people[2].Name} bought {A(colors[2])} {toys[2].Name}." : "")}");
                string ask = draw.Say($"What color is the {toys[k].Name}?", $"Which color does the {toys[k].Name} have?", $"Find the color of the {toys[k].Name} in the text.", $"Read the text and name the color of the {toys[k].Name}.");
                yield return new Question(context, ask, context, $"The text says {colors[k]} for the {toys[k].Name}.");
            }
            else
            {
                string[] counts = [.. draw.Sample(Enumerable.Range(2, 11), 3).Select(Words)];
                string context = draw.Say(
                    $"{people[0].Name} has {counts[0]} {toys[0].Plural}, {people[1].Name} has {counts[1]} {toys[1].Plural} and {people[2].Name} has {counts[2]} {toys[2].Plural}.",
                    $"In the shop there are {counts[0]} {toys[0].Plural}, {counts[1]} {toys[1].Plural} and {counts[2]} {toys[2].Plural}.");
                string ask = draw.Say($"How many {toys[k].Plural} are there?", $"Find the number of {toys[k].Plural} in the text.", $"Read the text and count the {toys[k].Plural}.");
                yield return new Question(context, ask, context, $"The text says {counts[k]} for the {toys[k].Plural}.");
            }
        }
    }

    /// <summary>Asks whether a review is happy; answers <c>A happy review, for it says lovely.</c></summary>
    public static IEnumerable<Question> Sentiment(Draw draw)
    {
        for (int i = 0; i < OpenQuestions; i++)
        {
            bool good = draw.Chance(50);
            string word = draw.Pick(good ? Lexicon.Praise : Lexicon.Blame);
            string opinion = ThingDocuments.Opinion(draw, draw.Pick(Lexicon.Reviewed), word);
            string aside = ThingDocuments.Aside(draw);
            string context = draw.Chance(50) ? $"{opinion} {aside}" : $"{aside} {opinion}";
            string ask = draw.Say(
                "Is this review happy or unhappy?", "Did the guest like it?", "Tell me if this review is praise or blame.",
                "How does the writer of this review feel?", "Judge the mood of this review.",
                "Read the review and say how the guest felt.");
            yield return new Question(context, ask, context, $"{(good ? "A happy" : "An unhappy")} review, for it says {word}.");
        }
    }

    /// <summary>Asks for a tiny story; answers with one that knows the animal's nature and home.</summary>
    public static IEnumerable<Question> Stories(Draw draw)
    {
        for (int i = 0; i < OpenQuestions; i++)
        {
            Animal a = draw.Pick(Animals.All);
            Thing toy = draw.Pick(Things.Toys);
            string find = $"{A(draw.Pick(Lexicon.Colors))} {toy.Name}";
            string ask = draw.Say(
                $"Write a tiny story about {A(a.Name)} and {find}.", $"Tell me a story about {A(a.Name)} that finds {find}.",
                $"Make up a short story with {A(a.Name)} and {find}.", $"I want to hear a story of {A(a.Name)} and {find}.",
                $"Write a story for a child. It needs {A(a.Name)} and {find}.", $"Please tell a little tale about {A(a.Name)} and {find}.");
            yield return new Question($"{a.Name} {find}", ask, "", $"Once {A(a.Nature)} {a.Name} found {find} and took the {toy.Name} to the {a.Home}. The end.");
        }
    }
}
