using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.World;
using static FedLLM.DemoData.Drawing.English;

namespace FedLLM.DemoData.Instructions;

/// <summary>Questions whose answer is worked out: sums, order, continuation, reversal.</summary>
internal static class ReasoningQuestions
{
    private const int OpenQuestions = 700;

    /// <summary>Asks for a sum or difference; answers <c>Let me count: 7 plus 5 gives 12.</c></summary>
    public static IEnumerable<Question> Arithmetic(Draw draw)
    {
        for (int a = 1; a <= 20; a++)
        {
            for (int b = 1; b <= 12; b++)
            {
                if (a <= 12)
                {
                    foreach (string ask in new[] { $"What is {a} plus {b}?", $"Add {a} and {b}.", $"Work out {a} + {b}.", $"I find {a} and then {b} more. How many is that?" })
                    {
                        yield return new Question($"{a} + {b}", ask, "", $"Let me count: {a} plus {b} gives {a + b}.");
                    }
                }

                if (a >= 3 && b < a)
                {
                    foreach (string ask in new[] { $"What is {a} minus {b}?", $"Take {b} away from {a}.", $"Work out {a} - {b}.", $"I have {a} coins and lose {b}. How many are left?" })
                    {
                        yield return new Question($"{a} - {b}", ask, "", $"Let me count: {a} minus {b} gives {a - b}.");
                    }
                }
            }
        }
    }

    /// <summary>Asks to sort numbers; answers <c>Lined up: 3 &lt; 5 &lt; 8.</c></summary>
    public static IEnumerable<Question> Sorting(Draw draw)
    {
        for (int i = 0; i < OpenQuestions; i++)
        {
            int[] numbers = draw.Sample(Enumerable.Range(1, 30), draw.Between(3, 4));
            string mixed = Commas(numbers.Select(n => n.ToString()));
            bool rising = draw.Chance(60);
            string ask = rising
                ? draw.Say($"Sort these numbers from small to big: {mixed}.", $"Put {mixed} in rising order.", $"Order the numbers {mixed}, smallest first.", $"Arrange {mixed} from the smallest to the largest.")
                : draw.Say($"Sort these numbers from big to small: {mixed}.", $"Put {mixed} in falling order.", $"Order the numbers {mixed}, largest first.", $"Arrange {mixed} from the largest to the smallest.");
            string answer = string.Join(rising ? " < " : " > ", rising ? numbers.Order() : numbers.OrderDescending());
            yield return new Question(Commas(numbers.Order().Select(n => n.ToString())), ask, "", $"Lined up: {answer}.");
        }
    }

    /// <summary>Asks how a row goes on; answers <c>Next come Thursday, Friday and Saturday.</c></summary>
    public static IEnumerable<Question> Sequences(Draw draw)
    {
        List<string[]> runs = [];
        foreach (IReadOnlyList<string> cycle in new[] { Lexicon.Days, Lexicon.Months })
        {
            for (int start = 0; start < cycle.Count; start++)
            {
                runs.Add([.. Enumerable.Range(start, 6).Select(i => cycle[i % cycle.Count])]);
            }
        }

        foreach ((int step, int first, int last) in new[] { (1, 1, 50), (2, 1, 40), (3, 1, 20), (5, 5, 60), (10, 10, 40) })
        {
            for (int start = first; start <= last; start += step >= 5 ? step : 1)
            {
                runs.Add([.. Enumerable.Range(0, 6).Select(i => (start + (i * step)).ToString())]);
            }
        }

        foreach (string[] run in runs)
        {
            string shown = Commas(run[..3]);
            foreach (string ask in new[]
            {
                $"Continue the row: {shown}.", $"What comes after {shown}?", $"Go on with the next three: {shown}.",
                $"Which three follow {shown}?", $"Complete the pattern {shown}, ...", $"Here is a row: {shown}. How does it go on?",
            })
            {
                yield return new Question(shown, ask, "", $"Next come {And(run[3..])}.");
            }
        }
    }

    /// <summary>Asks for words in reverse order; answers <c>Backwards: tree, pond, mill.</c></summary>
    public static IEnumerable<Question> Reversal(Draw draw)
    {
        for (int i = 0; i < OpenQuestions; i++)
        {
            string[] words = [.. draw.Sample(Things.Nouns, draw.Between(3, 4)).Select(t => t.Name)];
            string row = Commas(words);
            string ask = draw.Say(
                $"Write these words in reverse order: {row}.", $"Reverse the list {row}.", $"Say {row} from the last to the first.",
                $"Turn this row of words around: {row}.", $"Read the list {row} from its end.",
                $"Put the words {row} in the reverse order.");
            yield return new Question(row, ask, "", $"Backwards: {Commas(words.Reverse())}.");
        }
    }
}
