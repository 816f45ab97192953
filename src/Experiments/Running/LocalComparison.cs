using FedLLM.Engine.Models;
using FedLLM.Evaluation.Suites;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>
/// Held-out losses of one experiment's base model, of its federated adapter, and of what each client reaches alone with as many optimizer steps
/// as the whole federation.
/// </summary>
/// <param name="Base">The base model's loss, nats per scored token.</param>
/// <param name="Federated">The loss with the federated adapter.</param>
/// <param name="Local">The loss with each client's own adapter, by client id.</param>
/// <param name="Steps">Optimizer steps in each of them.</param>
public sealed record LocalComparison(double Base, double Federated, IReadOnlyList<double> Local, int Steps)
{
    /// <summary>Id of the client that does best alone; the lowest of equals.</summary>
    public int BestClient => Enumerable.Range(0, Local.Count).MinBy(c => Local[c]);

    /// <summary>Its loss.</summary>
    public double BestLocal => Local[BestClient];

    /// <summary>Trains every client alone and measures all adapters on the experiment's held-out data.</summary>
    /// <param name="prepared">The experiment; it must have held-out data.</param>
    /// <param name="federated">Its federated adapter.</param>
    /// <param name="clock">Measures time for the clients' metrics.</param>
    /// <param name="finished">Hears of each client as it finishes, on any thread; or null.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <exception cref="InvalidOperationException">The experiment has no held-out data.</exception>
    public static async Task<LocalComparison> MeasureAsync(
        PreparedExperiment prepared, TensorSet federated, TimeProvider clock, Action<int>? finished, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        if (prepared.Data is not SequenceData { HeldOut: { } held })
        {
            throw new InvalidOperationException("The experiment has no held-out data (evaluation.data).");
        }

        var baseline = new LocalBaseline(prepared, clock);
        IReadOnlyList<TensorSet> adapters = await baseline.TrainAllAsync(finished, cancellationToken).ConfigureAwait(false);
        using var suite = new LossSuite(prepared.Learner, prepared.Experiment.Training.Threads ?? Environment.ProcessorCount);
        LoraConfig lora = prepared.Experiment.Lora.ToConfig();
        double Loss(TensorSet? adapter) => suite.Evaluate(
            adapter is null ? null : new LoraAdapter(prepared.Weights.Config, lora, adapter), held.Samples, cancellationToken).Loss;
        return new LocalComparison(Loss(null), Loss(federated), [.. adapters.Select(Loss)], baseline.Steps);
    }
}
