using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Summaries;

/// <summary>Colors of a run's labels: the seven most frequent have their own, the others share the eighth.</summary>
public sealed class LabelColors
{
    private const int Own = 7;
    private const string Other = "other labels";
    private readonly Dictionary<string, int> _colors = new(StringComparer.Ordinal);

    private LabelColors(IReadOnlyList<string> byFrequency)
    {
        Count = byFrequency.Count;
        foreach (string label in byFrequency.Take(Own))
        {
            _colors[label] = _colors.Count + 1;
        }

        Legend = [.. byFrequency.Take(Own), .. Count > Own ? [Other] : Array.Empty<string>()];
    }

    /// <summary>Without labels.</summary>
    public static LabelColors None { get; } = new([]);

    /// <summary>Number of labels.</summary>
    public int Count { get; }

    /// <summary>What the colors stand for, in their order.</summary>
    public IReadOnlyList<string> Legend { get; }

    /// <summary>Gives the labels of <paramref name="clients"/> their colors.</summary>
    public static LabelColors Of(IReadOnlyList<ClientCard> clients) => new(
    [
        .. clients.SelectMany(c => c.Labels).GroupBy(l => l.Key, StringComparer.Ordinal)
            .OrderByDescending(g => g.Sum(l => l.Value)).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Key),
    ]);

    /// <summary>The color of a label, from 1 to 8.</summary>
    public int Color(string label) => _colors.GetValueOrDefault(label, Own + 1);
}
