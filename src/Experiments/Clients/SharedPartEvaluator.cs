using FedLLM.Data.Shards;
using FedLLM.Engine.Models;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// Measures a global state that is the shared factors and each client's own: with each client's own adapter, not with the shared factors alone. On each client's own
/// held-out data it is every client's, weighted as one set; on common data the plain mean over clients that have an own adapter, at most a cohort's worth of them,
/// evenly spread over their ids. A client without an own adapter, and a state in which nobody has one, is measured with the shared factors.
/// </summary>
/// <param name="measure">Measures an adapter.</param>
/// <param name="model">The architecture.</param>
/// <param name="shared">Makes an adapter of the shared factors.</param>
/// <param name="clients">Makes a client's own.</param>
public sealed class SharedPartEvaluator<TSample>(IHeldOutMeasure<TSample> measure, ModelConfig model, StateAdapter shared, ClientAdapters clients) : IRoundEvaluator
{
    /// <summary>The common data, at least one sample; or null for <see cref="Own"/>.</summary>
    public IReadOnlyList<TSample>? Common { get; init; }

    /// <summary>The most clients measured on common data.</summary>
    public int Most { get; init; } = int.MaxValue;

    /// <summary>Each client's own held-out data.</summary>
    public IShardSource<TSample>? Own { get; init; }

    /// <summary>How many of its clients are measured, from the first; those that follow share the data of these.</summary>
    public int Clients { get; init; }

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        LoraAdapter common = shared.Join(state).On(model);
        LoraAdapter Of(int client) => clients.Kept(state, client)?.On(model) ?? common;
        if (Common is null)
        {
            HeldOutValues[] parts = [.. Enumerable.Range(0, Clients).Select(client => (Client: client, Own!.Load(client).Samples)).Where(c => c.Samples.Count > 0)
                .Select(c => measure.Measure(Of(c.Client), c.Samples, cancellationToken))];
            return Task.FromResult(HeldOutValues.Mean(parts));
        }

        int[] having = [.. state.PrivateStates.Keys.Where(client => clients.Keeps(state, client)).Order()];
        int count = Math.Min(Most, having.Length);
        HeldOutValues[] each = [.. Enumerable.Range(0, count).Select(i => measure.Measure(Of(having[(int)((long)i * having.Length / count)]), Common, cancellationToken))];
        return Task.FromResult(count == 0 ? measure.Measure(common, Common, cancellationToken).Values : HeldOutValues.Mean(each, _ => 1));
    }
}
