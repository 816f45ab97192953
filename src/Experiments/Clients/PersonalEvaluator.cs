using FedLLM.Data.Shards;
using FedLLM.Engine.Models;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// Measures clients on their own held-out data, with the global state after a round and with each one's own adapter. A client without a usable held-out sample is
/// left out.
/// </summary>
/// <param name="measure">Measures an adapter.</param>
/// <param name="model">The architecture.</param>
/// <param name="global">Makes an adapter of a state.</param>
/// <param name="clients">Makes a client's own.</param>
/// <param name="data">Each client's own held-out data.</param>
/// <param name="everyone">Whether every client is measured; otherwise the round's members.</param>
public sealed class PersonalEvaluator<TSample>(
    IHeldOutMeasure<TSample> measure, ModelConfig model, StateAdapter global, ClientAdapters clients, IShardSource<TSample> data, bool everyone) : IClientEvaluator
{
    /// <summary>Whether the run's only client is all of the data's clients pooled, so that no member is one of them. Default false.</summary>
    public bool IsPooled { get; init; }

    /// <inheritdoc/>
    public Task<IReadOnlyList<ClientEvaluation>> EvaluateAsync(
        RoundInstruction? instruction, GlobalState state, IReadOnlyList<ClientReceipt> members, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(members);
        LoraAdapter common = global.Join(state).On(model);
        var results = new List<ClientEvaluation>();
        void Add(int client, ConfiguredAdapter? adapter)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (data.Load(client).Samples is { Count: > 0 } samples)
            {
                HeldOutValues values = measure.Measure(common, samples, cancellationToken);
                results.Add(new ClientEvaluation(client, values.Weight, values.Values, adapter is null ? null : measure.Measure(adapter.On(model), samples, cancellationToken).Values));
            }
        }

        ClientReceipt[] own = instruction is null || IsPooled ? [] : [.. members];
        if (own.Length > 0)
        {
            foreach ((ClientReceipt member, ConfiguredAdapter trained) in own.Zip(clients.Trained(instruction!, state, own)))
            {
                Add(member.Client, trained);
            }
        }

        if (everyone)
        {
            HashSet<int> done = [.. own.Select(m => m.Client)];
            foreach (int client in Enumerable.Range(0, data.Clients).Where(c => !done.Contains(c)))
            {
                Add(client, clients.Kept(state, client));
            }
        }

        return Task.FromResult<IReadOnlyList<ClientEvaluation>>([.. results.OrderBy(r => r.Id)]);
    }
}
