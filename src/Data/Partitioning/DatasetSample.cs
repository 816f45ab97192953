using FedLLM.Data.Examples;
using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>Takes rows out of a dataset before it is cut: a sample to train on, or a test set.</summary>
public static class DatasetSample
{
    private const int LimitStream = 3; // the streams' steps: partitioners draw at steps 0 to 2
    private const int TestStream = 4;

    /// <summary>
    /// Returns the first <paramref name="limit"/> rows of the dataset shuffled by seed, or all of them where it has no more: OpenFedLLM's <c>dataset_sample</c>
    /// (<c>utils/process_dataset.py</c>, <c>shuffle(seed).select(range(n))</c>).
    /// </summary>
    /// <remarks>Deviation: the permutation comes from <see cref="CounterRandom"/>, and by the run's seed; theirs is always by 2023.</remarks>
    /// <param name="examples">The dataset.</param>
    /// <param name="limit">Most rows, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is below 1.</exception>
    public static IReadOnlyList<Example> Take(IReadOnlyList<Example> examples, int limit, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        int[] order = [.. Enumerable.Range(0, examples.Count)];
        new CounterRandom(seed, RandomPurpose.Partition, step: LimitStream).Shuffle(order.AsSpan());
        return [.. order.Take(limit).Select(row => examples[row])];
    }

    /// <summary>
    /// Takes a test set of <paramref name="perLabel"/> rows of every label out of a dataset, drawn by seed, as FedIT does (Shepherd's <c>client_data_allocation.py</c>:
    /// <c>global_test</c> is 10 rows of each category, <c>global_training</c> the rest). Both keep the dataset's order.
    /// </summary>
    /// <param name="examples">The dataset.</param>
    /// <param name="perLabel">Rows of a label, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="perLabel"/> is below 1.</exception>
    /// <exception cref="InputFileException">A record has no label, or a label has no more rows than the test set takes.</exception>
    public static (IReadOnlyList<Example> Training, IReadOnlyList<Example> Test) HoldOut(IReadOnlyList<Example> examples, int perLabel, ulong seed, string origin)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentOutOfRangeException.ThrowIfLessThan(perLabel, 1);
        var isTest = new bool[examples.Count];
        foreach ((int label, LabelGroup group) in LabelGroup.Of(examples).Index())
        {
            if (group.Rows.Length <= perLabel)
            {
                throw new InputFileException(
                    origin, null, $"one of its labels has {group.Rows.Length} records, and the test set takes {perLabel} of each", "Lower data.partition.test_per_label");
            }

            int[] rows = [.. group.Rows];
            new CounterRandom(seed, RandomPurpose.Partition, client: label, step: TestStream).Shuffle(rows.AsSpan());
            foreach (int row in rows.AsSpan(0, perLabel))
            {
                isTest[row] = true;
            }
        }

        return ([.. examples.Where((_, row) => !isTest[row])], [.. examples.Where((_, row) => isTest[row])]);
    }
}
