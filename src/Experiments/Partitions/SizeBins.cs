namespace FedLLM.Experiments.Partitions;

/// <summary>The distribution of shards' sizes.</summary>
public static class SizeBins
{
    /// <summary>Counts sizes in at most <paramref name="most"/> intervals of equal width that cover them all; both ends of an interval belong to it.</summary>
    /// <param name="sizes">The sizes, at least one.</param>
    /// <param name="most">Most intervals, at least 1.</param>
    public static IReadOnlyList<(int From, int To, int Shards)> Of(IReadOnlyList<int> sizes, int most)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        ArgumentOutOfRangeException.ThrowIfZero(sizes.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        int first = sizes.Min();
        long span = (long)sizes.Max() - first + 1;
        long width = (span + most - 1) / most;
        var counts = new int[(span + width - 1) / width];
        foreach (int size in sizes)
        {
            counts[(size - first) / width]++;
        }

        return [.. counts.Select((count, i) => ((int)(first + (i * width)), (int)Math.Min(first + ((i + 1) * width), first + span) - 1, count))];
    }
}
