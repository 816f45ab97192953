using FedLLM.Engine.Models;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Configuration;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>
/// Held-out preferences of one experiment's federated adapter, and of what each client reaches alone with as many optimizer steps as the whole federation.
/// All are compared by implicit reward against the same base model, which is therefore at 0.5 itself.
/// </summary>
/// <param name="Federated">The federated adapter's result.</param>
/// <param name="Local">The result of each client's own adapter, by client id.</param>
/// <param name="Steps">Optimizer steps in each of them.</param>
public sealed record PreferenceComparison(PreferenceResult Federated, IReadOnlyList<PreferenceResult> Local, int Steps)
{
    /// <summary>Trains every client alone and measures all adapters on the experiment's held-out pairs.</summary>
    /// <param name="prepared">The experiment; it must have held-out pairs.</param>
    /// <param name="federated">Its federated adapter.</param>
    /// <param name="clock">Measures time for the clients' metrics.</param>
    /// <param name="finished">Hears of each client as it finishes, on any thread; or null.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <exception cref="InvalidOperationException">The experiment has no held-out pairs.</exception>
    public static async Task<PreferenceComparison> MeasureAsync(
        PreparedExperiment prepared, TensorSet federated, TimeProvider clock, Action<int>? finished, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        if (prepared.Data is not PairData { HeldOut: { } held })
        {
            throw new InvalidOperationException("The experiment has no held-out pairs (evaluation.data or data.evaluation).");
        }

        var baseline = new LocalBaseline(prepared, clock);
        IReadOnlyList<TensorSet> adapters = await baseline.TrainAllAsync(finished, cancellationToken).ConfigureAwait(false);
        Experiment experiment = prepared.Experiment;
        using var suite = new PreferenceSuite(prepared.Learner, experiment.Training.Threads ?? Environment.ProcessorCount);
        LoraConfig lora = experiment.Lora.ToConfig();
        IReadOnlyList<PairScore> reference = suite.Score(null, held.Samples, cancellationToken);
        PreferenceResult Measure(TensorSet adapter) => new(
            suite.Score(new LoraAdapter(prepared.Weights.Config, lora, adapter), held.Samples, cancellationToken), reference, experiment.Dpo.Beta);
        return new PreferenceComparison(Measure(federated), [.. adapters.Select(Measure)], baseline.Steps);
    }
}
