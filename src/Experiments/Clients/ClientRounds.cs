using System.Collections.Concurrent;
using FedLLM.Engine.Training;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// A round as its clients see it: what the instruction and a client's private states make of the global adapter it begins with, and what its training makes of
/// update, control delta and private states. One for each round; safe for concurrent use.
/// </summary>
internal sealed class ClientRounds
{
    private readonly RoundInstruction _instruction;
    private readonly ILoraAggregation _aggregation;
    private readonly ITensorStore _store;
    private readonly TensorSet _global;
    private readonly TensorSet? _control;
    private readonly ConcurrentDictionary<int, ClientStart> _begun = new();

    /// <summary>Loads what the clients share.</summary>
    public ClientRounds(RoundInstruction instruction, ILoraAggregation aggregation, ITensorStore store)
    {
        (_instruction, _aggregation, _store) = (instruction, aggregation, store);
        _global = store.Get(instruction.StateHash);
        _control = instruction.ControlVariateHash is { } hash ? store.Get(hash) : null;
        Terms = new RoundTerms(instruction.Round, instruction.LearningRate)
        {
            ProximalMu = instruction.ProximalMu,
            Trained = Halves(instruction.Trained),
            Correction = instruction.BaseCorrectionHash is { } correction ? new BaseCorrection(correction, store.Get(correction)) : null,
        };
    }

    /// <summary>What the clients have in common.</summary>
    public RoundTerms Terms { get; }

    /// <summary>Returns what a client begins with.</summary>
    public ClientStart Begin(int client) => _begun.GetOrAdd(client, MakeStart);

    /// <summary>Stores what a client's training gave and returns its receipt.</summary>
    /// <param name="update">What it gave.</param>
    /// <param name="weight">The client's aggregation weight.</param>
    public ClientReceipt Finish(LocalUpdate update, double weight)
    {
        _begun.TryRemove(update.Client, out ClientStart? begun);
        TensorLayout uploaded = LoraNames.Part(update.Delta.Layout, _instruction.Uploaded);
        TensorSet delta = uploaded.Equals(update.Delta.Layout) ? update.Delta : TensorParts.Extract(update.Delta, uploaded);
        var states = new Dictionary<string, string>();
        LoraFactors kept = _instruction.Trained & ~_instruction.Uploaded;
        if (kept != LoraFactors.None)
        {
            TensorLayout part = LoraNames.Part(update.Delta.Layout, kept);
            states[FedSaLora.PrivateB] = _store.Put(FedAvg.Add(TensorParts.Extract(begun!.Adapter, part), TensorParts.Extract(update.Delta, part)));
        }

        StoredTensors? controlDelta = null;
        if (_instruction.UsesControlVariates)
        {
            TensorSet? last = PrivateControl(update.Client);
            TensorSet next = ControlVariates.Next(delta, ControlVariates.Correction(uploaded, _control, last), update.Rates);
            TensorSet change = ControlVariates.Correction(uploaded, next, last);
            controlDelta = new StoredTensors(_store.Put(change), TensorMagnitudes.Of(change));
            states[ControlVariates.PrivateName(_instruction.Uploaded)] = _store.Put(next);
        }

        return new ClientReceipt(update.Client, _store.Put(delta), weight, TensorMagnitudes.Of(delta), update.Metrics) { ControlDelta = controlDelta, PrivateStates = states };
    }

    private ClientStart MakeStart(int client)
    {
        TensorSet adapter = _aggregation.ForClient(_global, client);
        if (Own(client, FedSaLora.PrivateB) is { } factors)
        {
            adapter = TensorParts.Overlay(adapter, factors);
        }

        if (!_instruction.UsesControlVariates)
        {
            return new ClientStart(adapter);
        }

        TensorLayout uploaded = LoraNames.Part(adapter.Layout, _instruction.Uploaded);
        TensorSet correction = ControlVariates.Correction(uploaded, _control, PrivateControl(client));
        return new ClientStart(adapter) { ControlCorrection = TensorParts.Overlay(new TensorSet(adapter.Layout), correction) };
    }

    private TensorSet? PrivateControl(int client) => Own(client, ControlVariates.PrivateName(_instruction.Uploaded));

    private TensorSet? Own(int client, string name) =>
        _instruction.PrivateStates.TryGetValue(client, out IReadOnlyDictionary<string, string>? states) && states.TryGetValue(name, out string? hash) ? _store.Get(hash) : null;

    private static LoraHalves Halves(LoraFactors factors) =>
        (factors.HasFlag(LoraFactors.A) ? LoraHalves.A : 0) | (factors.HasFlag(LoraFactors.B) ? LoraHalves.B : 0);
}
