namespace FedLLM.Engine.Training;

/// <summary>What samples are trained towards: a loss on the log-probabilities of their scored tokens.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public interface IObjective<TSample>
{
    /// <summary>Lays a sample's sequences into the batch.</summary>
    void Pack(PackedBatch batch, TSample sample);

    /// <summary>Returns how many terms of the loss's mean a sample contributes: its scored tokens, or 1 for a pair.</summary>
    int Terms(TSample sample);

    /// <summary>Returns the number of tokens of a sample.</summary>
    int Tokens(TSample sample);

    /// <summary>
    /// Returns the sum of the samples' terms and writes the derivative of <paramref name="weight"/> times that sum by every scored token's log-probability.
    /// </summary>
    /// <param name="samples">The samples, as they were packed.</param>
    /// <param name="logProbabilities">log p of their scored tokens, in order.</param>
    /// <param name="weight">Weight of one term in the step's loss.</param>
    /// <param name="slopes">Receives the derivatives.</param>
    ObjectiveSum Evaluate(ReadOnlySpan<TSample> samples, ReadOnlySpan<float> logProbabilities, double weight, Span<float> slopes);
}

/// <summary>A number of samples' terms, summed.</summary>
/// <param name="Loss">Sum of the loss's terms.</param>
/// <param name="Preference">Sums, not means, of the pairs' metrics; null where there are no pairs.</param>
public readonly record struct ObjectiveSum(double Loss, PreferenceMetrics? Preference = null);

/// <summary>Supervised fine-tuning: a term is -log p(token | its past), of every scored token.</summary>
public sealed class NextTokenObjective : IObjective<TokenSequence>
{
    /// <inheritdoc/>
    public void Pack(PackedBatch batch, TokenSequence sample)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Add(sample);
    }

    /// <inheritdoc/>
    public int Terms(TokenSequence sample) => (sample ?? throw new ArgumentNullException(nameof(sample))).ScoredCount;

    /// <inheritdoc/>
    public int Tokens(TokenSequence sample) => (sample ?? throw new ArgumentNullException(nameof(sample))).Tokens.Length;

    /// <inheritdoc/>
    public ObjectiveSum Evaluate(ReadOnlySpan<TokenSequence> samples, ReadOnlySpan<float> logProbabilities, double weight, Span<float> slopes)
    {
        slopes.Fill((float)-weight);
        return new ObjectiveSum(NegativeSum(logProbabilities));
    }

    internal static double NegativeSum(ReadOnlySpan<float> logProbabilities)
    {
        double sum = 0;
        foreach (float value in logProbabilities)
        {
            sum -= value;
        }

        return sum;
    }
}
