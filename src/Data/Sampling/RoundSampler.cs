using FedLLM.Numerics;

namespace FedLLM.Data.Sampling;

/// <summary>
/// Chooses the samples of one client's training in one round. As OpenFedLLM's <c>get_dataset_this_round</c>, it first draws min(|D|, batch · accumulation ·
/// steps) rows without replacement. It then walks over them in epochs as Hugging Face's Trainer does: batches in order, the last one of an epoch smaller
/// where they do not divide; an optimizer step takes up to <c>accumulation</c> batches of one epoch; the next epoch has a new order.
/// </summary>
/// <remarks>
/// Deviations from OpenFedLLM, which seeds by round alone: the draw depends on seed, round and client, so that clients of one size do not all draw the
/// same row positions and the run's seed matters. Accumulation does not reach over the end of an epoch (transformers 4.46 and later; 4.31 lets it).
/// </remarks>
public static class RoundSampler
{
    /// <summary>Returns the row indices of a round as [step][micro-batch][sample]; a pure function.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="round">Round number, from 1.</param>
    /// <param name="client">Client id, from 0.</param>
    /// <param name="shardSize">Number of usable samples, at least 1.</param>
    /// <param name="batchSize">Samples in a micro-batch, at least 1.</param>
    /// <param name="accumulation">Micro-batches in an optimizer step, at least 1.</param>
    /// <param name="steps">Optimizer steps, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public static int[][][] Plan(ulong seed, int round, int client, int shardSize, int batchSize, int accumulation, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(accumulation, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        int[] rows = Draw(new CounterRandom(seed, RandomPurpose.DataSampling, round, client), shardSize, (long)batchSize * accumulation * steps);
        var plan = new int[steps][][];
        int next = 0;
        int epoch = 0;
        for (int step = 0; step < steps; step++)
        {
            if (next == rows.Length)
            {
                next = 0;
                epoch++;
                new CounterRandom(seed, RandomPurpose.DataSampling, round, client, epoch).Shuffle(rows.AsSpan());
            }

            var batches = new List<int[]>(Math.Min(accumulation, rows.Length));
            while (batches.Count < accumulation && next < rows.Length)
            {
                int size = Math.Min(batchSize, rows.Length - next);
                batches.Add(rows[next..(next + size)]);
                next += size;
            }

            plan[step] = [.. batches];
        }

        return plan;
    }

    /// <summary>
    /// Returns the optimizer steps of <paramref name="epochs"/> passes over a shard: ⌈epochs · ⌈⌈n / batch⌉ / accumulation⌉⌉, as Hugging Face's Trainer counts
    /// them; a hair (1e-9) is forgiven to binary fractions.
    /// </summary>
    /// <param name="epochs">Passes over the shard, above 0.</param>
    /// <param name="shardSize">n, the number of usable samples, at least 1.</param>
    /// <param name="batchSize">Samples in a micro-batch, at least 1.</param>
    /// <param name="accumulation">Micro-batches in an optimizer step, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range, or the steps are more than an int holds.</exception>
    public static int StepsOf(double epochs, int shardSize, int batchSize, int accumulation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(accumulation, 1);
        long batches = ((long)shardSize + batchSize - 1) / batchSize;
        double steps = Math.Ceiling((epochs * ((batches + accumulation - 1) / accumulation)) - 1e-9);
        return epochs > 0 && steps <= int.MaxValue
            ? Math.Max(1, (int)steps)
            : throw new ArgumentOutOfRangeException(nameof(epochs), epochs, "The passes over the shard are above 0, and their steps fit an int.");
    }

    private static int[] Draw(CounterRandom random, int shardSize, long wanted)
    {
        // The first steps of a Fisher-Yates shuffle from the front: a uniform draw in a uniform order.
        int[] all = [.. Enumerable.Range(0, shardSize)];
        int count = (int)Math.Min(shardSize, wanted);
        ulong position = 0;
        for (int i = 0; i < count; i++)
        {
            int j = i + (int)random.Below((uint)(shardSize - i), ref position);
            (all[i], all[j]) = (all[j], all[i]);
        }

        return all[..count];
    }
}
