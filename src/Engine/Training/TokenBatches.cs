namespace FedLLM.Engine.Training;

/// <summary>Cuts samples into batches for passes that only measure. Batches never change a score.</summary>
public static class TokenBatches
{
    /// <summary>Tokens of one pass: enough to keep the matrix products busy, few enough to stay in the cache.</summary>
    public const int TokensPerBatch = 1024;

    /// <summary>Returns runs of consecutive samples of at most <see cref="TokensPerBatch"/> tokens, or of one longer sample.</summary>
    public static IEnumerable<TSample[]> Of<TSample>(IEnumerable<TSample> samples, Func<TSample, int> tokens)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(tokens);
        var batch = new List<TSample>();
        int total = 0;
        foreach (TSample sample in samples)
        {
            int length = tokens(sample);
            if (batch.Count > 0 && total + length > TokensPerBatch)
            {
                yield return [.. batch];
                batch.Clear();
                total = 0;
            }

            batch.Add(sample);
            total += length;
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }
}
