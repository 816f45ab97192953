using FedLLM.Engine.Models;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>A client's own adapter on the original base model: what it trained in a round, or, where the method leaves it factors of its own, what it keeps.</summary>
/// <param name="configOf">The configuration of a client's adapter.</param>
/// <param name="aggregation">How the clients' factors combine.</param>
/// <param name="store">Holds updates and private states.</param>
public sealed class ClientAdapters(Func<int, LoraConfig> configOf, ILoraAggregation aggregation, ITensorStore store)
{
    /// <summary>Whether the method leaves every client factors of its own, so that its own adapter lasts beyond the round.</summary>
    public bool AreKept => aggregation.Output == LoraOutput.SharedPart;

    /// <summary>Whether a client keeps factors of its own: the method leaves it some, and it was a member.</summary>
    public bool Keeps(GlobalState state, int client)
    {
        ArgumentNullException.ThrowIfNull(state);
        return KeptHash(state, client) is not null;
    }

    /// <summary>Returns the shared factors with those that a client keeps; null where the method leaves it none, or it never was a member.</summary>
    /// <exception cref="IOException">They cannot be read.</exception>
    public ConfiguredAdapter? Kept(GlobalState state, int client)
    {
        ArgumentNullException.ThrowIfNull(state);
        return KeptHash(state, client) is { } hash
            ? StateAdapter.Join(new ConfiguredAdapter(configOf(client), TensorParts.Overlay(state.Adapter, store.Get(hash))), state.BaseCorrection)
            : null;
    }

    /// <summary>
    /// Returns the own adapter of each of a round's members, one after another: what it trained, on the base model it trained on; where it keeps factors of its own,
    /// those with the shared ones after the round.
    /// </summary>
    /// <exception cref="IOException">An update cannot be read.</exception>
    public IEnumerable<ConfiguredAdapter> Trained(RoundInstruction instruction, GlobalState after, IEnumerable<ClientReceipt> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        var round = new ClientRounds(instruction, aggregation, store);
        foreach (ClientReceipt member in members)
        {
            yield return Kept(after, member.Client) ?? StateAdapter.Join(
                new ConfiguredAdapter(configOf(member.Client), Trained(round.Begin(member.Client).Adapter, store.Get(member.UpdateHash))),
                round.Terms.Correction?.Factors);
        }
    }

    private string? KeptHash(GlobalState state, int client) =>
        AreKept && state.PrivateStates.TryGetValue(client, out IReadOnlyDictionary<string, string>? own) ? own.GetValueOrDefault(FedSaLora.PrivateB) : null;

    private static TensorSet Trained(TensorSet begun, TensorSet delta) => delta.Layout.Equals(begun.Layout)
        ? FedAvg.Add(begun, delta)
        : TensorParts.Overlay(begun, FedAvg.Add(TensorParts.Extract(begun, delta.Layout), delta));
}
