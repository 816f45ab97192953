using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Instructions;

/// <summary>Questions about what the corpus tells in prose: every subject in every phrasing.</summary>
internal static class KnowledgeQuestions
{
    /// <summary>Asks for an animal's home, color, sound or food; answers <c>Animal fact: the fox lives in the forest.</c></summary>
    public static IEnumerable<Question> AnimalFacts(Draw draw)
    {
        foreach (Animal a in Animals.All)
        {
            string home = $"the {a.Name} lives {a.At}";
            string color = $"the {a.Name} is {a.Color}";
            string sound = $"the {a.Name} {a.Sounds}";
            string food = $"the {a.Name} eats {a.Food}";
            foreach ((string key, string fact, string[] asks) in new[]
            {
                ("home", home, new[] { $"Where does the {a.Name} live?", $"Where do {a.Plural} live?", $"Tell me where I can find the {a.Name}.", $"In what kind of place does {A(a.Name)} live?", $"Name the home of the {a.Name}." }),
                ("color", color, [$"What color is the {a.Name}?", $"What color are {a.Plural}?", $"Tell me the color of the {a.Name}.", $"Which color does {A(a.Name)} have?", $"Name the color of {a.Plural}."]),
                ("sound", sound, [$"What sound does the {a.Name} make?", $"What do {a.Plural} do when they make a sound?", $"Tell me how the {a.Name} sounds.", $"Which sound can I hear from {A(a.Name)}?", $"Describe the voice of the {a.Name}."]),
                ("food", food, [$"What does the {a.Name} eat?", $"What do {a.Plural} eat?", $"Tell me the food of the {a.Name}.", $"Which food should I give {A(a.Name)}?", $"Name something that {a.Plural} like to eat."]),
            })
            {
                foreach (string ask in asks)
                {
                    yield return new Question($"{a.Name} {key}", ask, "", $"Animal fact: {fact}.");
                }
            }
        }
    }

    /// <summary>Asks what a word means; answers <c>hammer (noun): a tool that can drive nails.</c></summary>
    public static IEnumerable<Question> Definitions(Draw draw)
    {
        IEnumerable<(string Name, string Meaning)> words =
        [
            .. Things.Doers.Select(t => (t.Name, $"{t.KindThat} can {t.Does}")),
            .. Things.Foods.Select(f => (f.Name, $"{A(f.Taste)} {f.Color} {f.Kind}")),
            .. Animals.All.Select(a => (a.Name, $"{A(a.Nature)} animal of the {a.Home}")),
        ];
        foreach ((string name, string meaning) in words)
        {
            foreach (string ask in new[]
            {
                $"Define the word {name}.", $"What is {A(name)}?", $"What does the word {name} mean?",
                $"Give a short definition of {name}.", $"Explain what {A(name)} is.", $"Write a dictionary entry for {name}.",
            })
            {
                yield return new Question(name, ask, "", $"{name} (noun): {meaning}.");
            }
        }
    }

    /// <summary>Asks for the opposite of a word; answers <c>Turn it over: hot becomes cold.</c></summary>
    public static IEnumerable<Question> Opposites(Draw draw)
    {
        foreach ((string left, string right) in Lexicon.Opposites)
        {
            foreach ((string word, string other) in new[] { (left, right), (right, left) })
            {
                foreach (string ask in new[]
                {
                    $"What is the opposite of {word}?", $"Give me the opposite of the word {word}.",
                    $"Which word means the opposite of {word}?", $"Find a word that is the opposite of {word}.",
                    $"Name the opposite: {word}.",
                    $"I say {word}. What is the opposite?", $"Turn the word {word} into its opposite.", $"Write the opposite of {word}.",
                })
                {
                    yield return new Question($"{left}/{right}", ask, "", $"Turn it over: {word} becomes {other}.");
                }
            }
        }
    }

    /// <summary>Asks about an invented country; answers <c>On the map of Norland: the capital is Velma.</c></summary>
    public static IEnumerable<Question> Places(Draw draw)
    {
        foreach (Country c in Lexicon.Countries)
        {
            foreach ((string key, string fact, string[] asks) in new[]
            {
                ("capital", $"the capital is {c.Capital}", Asks("capital", $"Which city is the capital of {c.Name}?", $"What do you call the capital of {c.Name}?")),
                ("river", $"the river is {c.River}", Asks("river", $"Which river runs through {c.Name}?", $"What do you call the river in {c.Name}?")),
                ("crop", $"the crop is {c.Crop}", Asks("crop", $"What do the farmers of {c.Name} grow?", $"What grows in the fields of {c.Name}?")),
            })
            {
                foreach (string ask in asks)
                {
                    yield return new Question($"{c.Name} {key}", ask, "", $"On the map of {c.Name}: {fact}.");
                }
            }

            string[] Asks(string what, params string[] own) =>
            [
                .. own, $"What is the {what} of {c.Name}?", $"Name the {what} of {c.Name}.", $"Tell me the {what} of {c.Name}.", $"I am going to {c.Name}. What is its {what}?", $"Find the {what} of {c.Name} on the map.",
                $"Look up {c.Name} and give me its {what}.", $"Say which {what} belongs to {c.Name}.",
                $"Write down the {what} of {c.Name}.",
            ];
        }
    }

    /// <summary>Asks for a plural; answers <c>Just one fox, yet two foxes.</c></summary>
    public static IEnumerable<Question> Plurals(Draw draw)
    {
        foreach (Thing t in Things.Nouns)
        {
            foreach (string ask in new[]
            {
                $"What is the plural of {t.Name}?", $"Write the plural of the word {t.Name}.",
                $"How do you say {t.Name} when there are two?", $"I have one {t.Name} and get one more. What do I have?",
                $"Make the word {t.Name} plural.",
                $"Give me the plural form of {t.Name}.",
            })
            {
                yield return new Question(t.Name, ask, "", $"Just one {t.Name}, yet two {t.Plural}.");
            }
        }
    }
}
