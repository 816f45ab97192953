using FedLLM.Engine.Models;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>Measures the global state on the experiment's held-out data.</summary>
/// <param name="measure">Measures an adapter.</param>
/// <param name="model">The architecture.</param>
/// <param name="adapter">Makes an adapter of a state.</param>
/// <param name="samples">The held-out samples, at least one.</param>
public sealed class HeldOutEvaluator<TSample>(
    IHeldOutMeasure<TSample> measure, ModelConfig model, StateAdapter adapter, IReadOnlyList<TSample> samples) : IRoundEvaluator
{
    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        return Task.FromResult(measure.Measure(adapter.Join(state).On(model), samples, cancellationToken).Values);
    }
}
