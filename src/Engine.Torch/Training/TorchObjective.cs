using FedLLM.Engine.Training;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Training;

/// <summary>One lane's samples in a micro-batch, as they lie in the packed batch.</summary>
/// <param name="Samples">The samples, in order.</param>
/// <param name="Weight">Weight of one term in the step's loss.</param>
internal readonly record struct LaneSamples<TSample>(TSample[] Samples, double Weight);

/// <summary>What an objective made of the log-probabilities, on the device.</summary>
/// <param name="Sums">For each lane: its weighted loss, then the sums of chosen rewards, rejected rewards and accuracy, [L,4], float64.</param>
/// <param name="Slopes">Derivative of all lanes' loss by every scored token's log p, float32.</param>
internal readonly record struct ObjectiveTerms(Tensor Sums, Tensor Slopes);

/// <summary>A loss on the log-probabilities of scored tokens, computed on the device, so that a step waits for nothing.</summary>
internal abstract class TorchObjective<TSample>
{
    /// <summary>Whether <see cref="ObjectiveTerms.Sums"/> holds rewards.</summary>
    public abstract bool HasRewards { get; }

    /// <summary>Returns losses and slopes.</summary>
    /// <param name="lanes">The lanes' samples, in the batch's order.</param>
    /// <param name="logProbabilities">log p of every scored token of the batch, [n], float32.</param>
    public abstract ObjectiveTerms Evaluate(IReadOnlyList<LaneSamples<TSample>> lanes, Tensor logProbabilities);
}

/// <summary>Makes the device's form of an objective.</summary>
internal static class TorchObjective
{
    /// <summary>Returns the device's form of <paramref name="objective"/>.</summary>
    /// <exception cref="NotSupportedException">The engine does not know the objective.</exception>
    public static TorchObjective<TSample> Of<TSample>(IObjective<TSample> objective)
    {
        object known = objective switch
        {
            NextTokenObjective => new TorchNextToken(),
            PreferenceObjective preference => new TorchPreference(preference),
            _ => throw new NotSupportedException($"The objective {objective.GetType().Name} is not known to the Torch engine."),
        };
        return (TorchObjective<TSample>)known;
    }

    /// <summary>Adds values [n] to the lanes they belong to, [L], float64.</summary>
    public static Tensor SumByLane(Tensor values, IReadOnlyList<int> counts)
    {
        int[] lanes = [.. counts.SelectMany((count, lane) => Enumerable.Repeat(lane, count))];
        return zeros(counts.Count, ScalarType.Float64, values.device).index_add_(0, HostCopy.Indices(lanes, values.device), values.to(ScalarType.Float64), 1);
    }
}

/// <summary>Supervised fine-tuning: see <see cref="NextTokenObjective"/>.</summary>
internal sealed class TorchNextToken : TorchObjective<TokenSequence>
{
    /// <inheritdoc/>
    public override bool HasRewards => false;

    /// <inheritdoc/>
    public override ObjectiveTerms Evaluate(IReadOnlyList<LaneSamples<TokenSequence>> lanes, Tensor logProbabilities)
    {
        int[] counts = [.. lanes.Select(l => l.Samples.Sum(s => s.ScoredCount))];
        Device device = logProbabilities.device;
        Tensor weights = HostCopy.Doubles(lanes.Select(l => l.Weight).ToArray(), device); // [L]
        float[] slopes = [.. lanes.SelectMany((l, i) => Enumerable.Repeat((float)-l.Weight, counts[i]))];
        Tensor losses = TorchObjective.SumByLane(logProbabilities.neg(), counts).mul(weights);
        Tensor none = zeros([lanes.Count, 3], ScalarType.Float64, device);
        return new ObjectiveTerms(cat([losses.unsqueeze(1), none], 1), HostCopy.Floats(slopes, device));
    }
}

/// <summary>Preferences: see <see cref="PreferenceObjective"/>, whose formulas these are.</summary>
internal sealed class TorchPreference(PreferenceObjective objective) : TorchObjective<ReferencedPair>
{
    /// <inheritdoc/>
    public override bool HasRewards => true;

    /// <inheritdoc/>
    public override ObjectiveTerms Evaluate(IReadOnlyList<LaneSamples<ReferencedPair>> lanes, Tensor logProbabilities)
    {
        Device device = logProbabilities.device;
        ReferencedPair[] pairs = [.. lanes.SelectMany(l => l.Samples)];
        int[] counts = [.. pairs.SelectMany(p => (int[])[p.Pair.Chosen.ScoredCount, p.Pair.Rejected.ScoredCount])]; // chosen, rejected, chosen, …
        Tensor answers = HostCopy.Indices([.. counts.SelectMany((count, answer) => Enumerable.Repeat(answer, count))], device);
        Tensor lengths = HostCopy.Doubles(counts.Select(c => objective.LengthNormalized ? (double)c : 1.0).ToArray(), device); // [2P]
        Tensor references = HostCopy.Doubles(pairs.SelectMany(p => (double[])[Value(p.Chosen), Value(p.Rejected)]).ToArray(), device); // [2P]
        Tensor weights = HostCopy.Doubles(lanes.SelectMany(l => Enumerable.Repeat(l.Weight, l.Samples.Length)).ToArray(), device); // [P]

        Tensor sums = zeros(counts.Length, ScalarType.Float64, device).index_add_(0, answers, logProbabilities.to(ScalarType.Float64), 1);
        Tensor ratios = sums.div(lengths).sub(references).view(-1, 2); // [P,2]: log π - log π_ref of chosen and rejected
        Tensor h = ratios.select(1, 0).sub(ratios.select(1, 1)); // [P]
        (Tensor loss, Tensor slope) = Loss(h);
        Tensor rewards = ratios.mul(objective.Beta);
        Tensor accuracy = h.gt(0).to(ScalarType.Float64).add(h.eq(0).to(ScalarType.Float64), 0.5);

        Tensor signed = slope.mul(weights).unsqueeze(1).mul(HostCopy.Doubles(new double[] { 1, -1 }, device)).view(-1); // [2P]
        Tensor perPair = cat([loss.mul(weights).unsqueeze(1), rewards, accuracy.unsqueeze(1)], 1); // [P,4]
        int[] laneOfPair = [.. lanes.SelectMany((l, lane) => Enumerable.Repeat(lane, l.Samples.Length))];
        return new ObjectiveTerms(
            zeros([lanes.Count, 4], ScalarType.Float64, device).index_add_(0, HostCopy.Indices(laneOfPair, device), perPair, 1),
            signed.div(lengths).to(ScalarType.Float32).index_select(0, answers));
    }

    private double Value(in FedLLM.Engine.Models.SequenceScore score) => objective.LengthNormalized ? score.MeanLogProbability : score.LogProbability;

    // A pair's loss and its derivative by h.
    private (Tensor Loss, Tensor Slope) Loss(Tensor h)
    {
        double beta = objective.Beta;
        switch (objective.Kind)
        {
            case PreferenceLossKind.Sigmoid:
                Tensor right = nn.functional.logsigmoid(h.mul(beta));
                Tensor wrong = nn.functional.logsigmoid(h.mul(-beta));
                double smoothing = objective.LabelSmoothing;
                return (
                    right.mul(-(1 - smoothing)).add(wrong, -smoothing),
                    wrong.exp().mul(-beta * (1 - smoothing)).add(right.exp(), beta * smoothing));
            case PreferenceLossKind.Ipo:
                Tensor gap = h.sub(1 / (2 * beta));
                return (gap.square(), gap.mul(2));
            case PreferenceLossKind.Hinge:
                Tensor slack = h.mul(-beta).add(1);
                return (slack.clamp_min(0), slack.gt(0).to(ScalarType.Float64).mul(-beta));
            default:
                throw new InvalidOperationException($"The loss {objective.Kind} is not handled.");
        }
    }
}
