using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>Measures the loss of the global state on the experiment's held-out data.</summary>
public sealed class HeldOutEvaluator(LossSuite suite, ModelConfig model, StateAdapter adapter, IReadOnlyList<TokenSequence> samples) : IRoundEvaluator
{
    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        (LoraConfig config, TensorSet tensors) = adapter.Join(state);
        LossResult result = suite.Evaluate(new LoraAdapter(model, config, tensors), samples, cancellationToken);
        return Task.FromResult<IReadOnlyDictionary<string, double>>(new Dictionary<string, double> { ["loss"] = result.Loss });
    }
}
