using FedLLM.DemoData.Drawing;

namespace FedLLM.DemoData.Instructions;

/// <summary>One record of the dataset, in the fields of Dolly.</summary>
internal sealed record Sample(string Instruction, string Context, string Response, string Category);

/// <summary>
/// The instruction dataset: a label-skewed partition (a main category, mostly a second one, at most a tenth of a third) and held-out questions
/// on subjects that no client asks about.
/// </summary>
internal sealed record Dataset(IReadOnlyList<IReadOnlyList<Sample>> Clients, IReadOnlyList<Sample> HeldOut, IReadOnlyList<Sample> Showcase)
{
    /// <summary>The number of clients.</summary>
    public const int ClientCount = 20;

    /// <summary>The smallest shard, in samples.</summary>
    public const int SmallestShard = 40;

    /// <summary>The largest shard, in samples.</summary>
    public const int LargestShard = 160;

    /// <summary>Held-out samples of each category.</summary>
    public const int HeldOutPerCategory = 20;

    private static readonly string[] ShowcaseCategories = ["animal_facts", "stories", "sentiment", "opposites"];

    /// <summary>Draws the dataset of one seed.</summary>
    public static Dataset Make(ulong seed)
    {
        List<Sample> heldOut = [];
        List<Queue<Sample>> decks = [];
        for (int c = 0; c < Categories.All.Count; c++)
        {
            (List<Sample> tests, Queue<Sample> deck) = Deal(seed, c);
            heldOut.AddRange(tests);
            decks.Add(deck);
        }

        Sample[] showcase = [.. ShowcaseCategories.Select(name => heldOut.First(s => s.Category == name))];
        return new Dataset(Partition(seed, decks), heldOut, showcase);
    }

    private static (List<Sample> Tests, Queue<Sample> Deck) Deal(ulong seed, int category)
    {
        Category kind = Categories.All[category];
        HashSet<(string, string)> seen = [];
        Question[] questions = [.. kind.Questions(new Draw(seed, DataPart.Questions, category)).Where(q => seen.Add((q.Instruction, q.Context)))];
        Draw draw = new(seed, DataPart.Deal, category);
        string[] keys = draw.Sample(questions.Select(q => q.Key).Distinct(), HeldOutPerCategory);
        Sample Record(Question q) => new(q.Instruction, q.Context, q.Response, kind.Name);
        List<Sample> tests = [.. keys.Select(key => Record(draw.Pick(questions.Where(q => q.Key == key).ToArray())))];
        HashSet<string> kept = [.. keys];
        return (tests, new Queue<Sample>(draw.Shuffled(questions.Where(q => !kept.Contains(q.Key))).Select(Record)));
    }

    private static Sample[][] Partition(ulong seed, List<Queue<Sample>> decks)
    {
        Draw draw = new(seed, DataPart.Clients);
        int kinds = decks.Count;
        int[] totals = new int[kinds];
        int[] holders = new int[kinds];
        Sample[][] clients = new Sample[ClientCount][];

        // The largest shards choose first, each the category with the fewest samples so far: shards are skewed, the categories' totals nearly even.
        int[] sizes = [.. Enumerable.Range(0, ClientCount).Select(_ => draw.Between(SmallestShard, LargestShard)).OrderDescending()];
        int[] places = draw.Shuffled(Enumerable.Range(0, ClientCount));
        for (int i = 0; i < ClientCount; i++)
        {
            int size = sizes[i];
            int secondCount = size * draw.Pick([0, 20, 30, 40, 40]) / 100;
            int thirdCount = size * draw.Pick([0, 0, 5, 10]) / 100;
            int[] order = draw.Shuffled(Enumerable.Range(0, kinds));
            int first = order.MinBy(k => totals[k]);
            int second = order.Where(k => k != first).MinBy(k => (holders[k], totals[k]));
            int third = order.First(k => k != first && k != second);
            Sample[] shard = [.. Take(first, size - secondCount - thirdCount), .. Take(second, secondCount), .. Take(third, thirdCount)];
            clients[places[i]] = new Draw(seed, DataPart.Order, places[i]).Shuffled(shard);
        }

        return clients;

        Sample[] Take(int kind, int count)
        {
            totals[kind] += count;
            holders[kind] += count > 0 ? 1 : 0;
            return [.. Enumerable.Range(0, count).Select(_ =>
                decks[kind].TryDequeue(out Sample? sample) ? sample : throw new InvalidOperationException($"Category {Categories.All[kind].Name} has too few questions."))];
        }
    }
}
