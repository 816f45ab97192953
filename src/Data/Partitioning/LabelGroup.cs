using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Partitioning;

/// <summary>The rows of a dataset that share a label. As they are, the groups are the clients of scheme <c>by-field</c>, named by their labels.</summary>
/// <param name="Label">The label.</param>
/// <param name="Rows">Its rows, ascending.</param>
public sealed record LabelGroup(string Label, int[] Rows)
{
    /// <summary>Groups a dataset by <see cref="Example.Category"/>, labels in natural order. The reader chooses which field that is.</summary>
    /// <exception cref="InputFileException">A record has no label.</exception>
    public static IReadOnlyList<LabelGroup> Of(IReadOnlyList<Example> examples)
    {
        var rows = new SortedDictionary<string, List<int>>(NaturalOrder.Comparer);
        for (int row = 0; row < examples.Count; row++)
        {
            SourcePlace source = examples[row].Source;
            string label = examples[row].Category ?? throw new InputFileException(
                source.File, source.InFile, "the record lacks the field to partition by", "Add it, or set data.partition.field to one that all records have");
            if (!rows.TryGetValue(label, out List<int>? group))
            {
                rows.Add(label, group = []);
            }

            group.Add(row);
        }

        return [.. rows.Select(g => new LabelGroup(g.Key, [.. g.Value]))];
    }
}
