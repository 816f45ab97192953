using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>Measures the global adapter's loss on the experiment's held-out data.</summary>
public sealed class HeldOutEvaluator(LossSuite suite, ModelConfig model, LoraConfig lora, IReadOnlyList<TokenSequence> samples) : IRoundEvaluator
{
    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        LossResult result = suite.Evaluate(new LoraAdapter(model, lora, state.Adapter), samples, cancellationToken);
        return Task.FromResult<IReadOnlyDictionary<string, double>>(new Dictionary<string, double> { ["loss"] = result.Loss });
    }
}
