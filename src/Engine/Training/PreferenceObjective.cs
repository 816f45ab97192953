using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>The loss of a pair, as a function of h = (log π(chosen) - log π(rejected)) - (log π_ref(chosen) - log π_ref(rejected)).</summary>
public enum PreferenceLossKind
{
    /// <summary>DPO (Rafailov et al., 2023, eq. 7), with label smoothing ε as conservative DPO (Mitchell, 2023): -(1-ε)·log σ(βh) - ε·log σ(-βh).</summary>
    Sigmoid,

    /// <summary>IPO (Azar et al., 2023, eq. 17): (h - 1/(2β))².</summary>
    Ipo,

    /// <summary>Hinge (SLiC, Zhao et al., 2023, as TRL has it): max(0, 1 - βh).</summary>
    Hinge,
}

/// <summary>A pair with its reference's log-likelihoods.</summary>
/// <param name="Pair">The pair.</param>
/// <param name="Chosen">The reference's score of the chosen sequence.</param>
/// <param name="Rejected">The reference's score of the rejected sequence.</param>
public sealed record ReferencedPair(PreferencePair Pair, SequenceScore Chosen, SequenceScore Rejected);

/// <summary>Direct preference optimisation and its kin: a term is one pair's loss.</summary>
/// <remarks>
/// Log-probabilities of an answer are summed over its tokens, as TRL 0.7.2 does, or averaged with <c>lengthNormalized</c>. They are summed in float64; the loss is
/// computed in float64, its slope rounded to float32. A NaN log-probability makes the loss NaN.
/// </remarks>
public sealed class PreferenceObjective : IObjective<ReferencedPair>
{
    private readonly PreferenceLossKind _loss;
    private readonly double _beta;
    private readonly double _smoothing;
    private readonly bool _lengthNormalized;

    /// <summary>The loss.</summary>
    internal PreferenceLossKind Kind => _loss;

    /// <summary>β.</summary>
    internal double Beta => _beta;

    /// <summary>ε.</summary>
    internal double LabelSmoothing => _smoothing;

    /// <summary>Whether log-likelihoods are means over an answer's tokens.</summary>
    internal bool LengthNormalized => _lengthNormalized;

    /// <summary>Makes the objective.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="beta">β, above 0.</param>
    /// <param name="labelSmoothing">ε, the probability that a label is wrong, in [0, 0.5); only of <see cref="PreferenceLossKind.Sigmoid"/>.</param>
    /// <param name="lengthNormalized">Whether log-likelihoods are means over an answer's tokens.</param>
    /// <exception cref="ArgumentOutOfRangeException">β or ε is out of range.</exception>
    public PreferenceObjective(PreferenceLossKind loss, double beta, double labelSmoothing = 0, bool lengthNormalized = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(beta);
        ArgumentOutOfRangeException.ThrowIfNegative(labelSmoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(labelSmoothing, 0.5);
        if (labelSmoothing > 0 && loss != PreferenceLossKind.Sigmoid)
        {
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing), "Label smoothing belongs to the sigmoid loss.");
        }

        (_loss, _beta, _smoothing, _lengthNormalized) = (loss, beta, labelSmoothing, lengthNormalized);
    }

    /// <inheritdoc/>
    public void Pack(PackedBatch batch, ReferencedPair sample)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(sample);
        batch.Add(sample.Pair);
    }

    /// <inheritdoc/>
    public int Terms(ReferencedPair sample) => 1;

    /// <inheritdoc/>
    public int Tokens(ReferencedPair sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        return sample.Pair.Chosen.Tokens.Length + sample.Pair.Rejected.Tokens.Length;
    }

    /// <inheritdoc/>
    public ObjectiveSum Evaluate(ReadOnlySpan<ReferencedPair> samples, ReadOnlySpan<float> logProbabilities, double weight, Span<float> slopes)
    {
        double loss = 0;
        double chosenRewards = 0;
        double rejectedRewards = 0;
        double right = 0;
        foreach (ReferencedPair sample in samples)
        {
            SequenceScore chosen = SequenceScore.Take(ref logProbabilities, sample.Pair.Chosen.ScoredCount);
            SequenceScore rejected = SequenceScore.Take(ref logProbabilities, sample.Pair.Rejected.ScoredCount);
            double chosenRatio = Value(chosen) - Value(sample.Chosen);
            double rejectedRatio = Value(rejected) - Value(sample.Rejected);
            (double term, double slope) = Loss(chosenRatio - rejectedRatio);
            loss += term;
            chosenRewards += _beta * chosenRatio;
            rejectedRewards += _beta * rejectedRatio;
            right += chosenRatio > rejectedRatio ? 1 : chosenRatio == rejectedRatio ? 0.5 : 0;
            Fill(ref slopes, chosen.Count, weight * slope);
            Fill(ref slopes, rejected.Count, -weight * slope);
        }

        return new ObjectiveSum(loss, new PreferenceMetrics(chosenRewards, rejectedRewards, right));
    }

    /// <summary>Returns a pair's loss and its derivative by h.</summary>
    internal (double Loss, double Slope) Loss(double h)
    {
        switch (_loss)
        {
            case PreferenceLossKind.Sigmoid:
                double right = ScalarMath.LogSigmoid(_beta * h);
                double wrong = ScalarMath.LogSigmoid(-_beta * h);
                return (
                    (-(1 - _smoothing) * right) - (_smoothing * wrong),
                    -_beta * (((1 - _smoothing) * ScalarMath.Exp(wrong)) - (_smoothing * ScalarMath.Exp(right))));
            case PreferenceLossKind.Ipo:
                double gap = h - (1 / (2 * _beta));
                return (gap * gap, 2 * gap);
            case PreferenceLossKind.Hinge:
                double slack = 1 - (_beta * h);
                return slack > 0 ? (slack, -_beta) : (double.IsNaN(slack) ? slack : 0, 0);
            default:
                throw new InvalidOperationException($"The loss {_loss} is not handled.");
        }
    }

    private double Value(in SequenceScore score) => _lengthNormalized ? score.MeanLogProbability : score.LogProbability;

    private void Fill(ref Span<float> slopes, int count, double slope)
    {
        slopes[..count].Fill((float)(_lengthNormalized ? slope / count : slope));
        slopes = slopes[count..];
    }
}
