using System.Runtime.CompilerServices;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Twins;

/// <summary>
/// A fleet in memory: a client's delta is a function of the global adapter, the round and its id; finished updates are remembered and never trained again.
/// What its clients answer can be changed, reordered, repeated and dropped.
/// </summary>
internal sealed class MemoryFleet(MemoryTensorStore store) : IClientFleet
{
    private readonly Dictionary<(int Round, int Client), ClientReceipt> _finished = [];

    /// <summary>The clients trained, in order.</summary>
    public List<(int Round, int Client)> Trained { get; } = [];

    /// <summary>The instructions received, in order.</summary>
    public List<RoundInstruction> Instructions { get; } = [];

    /// <summary>Says with which adapter a client begins.</summary>
    public ILoraAggregation Aggregation { get; set; } = new FedIt();

    /// <summary>Turns the honest answers of a round, ascending by client, into those given.</summary>
    public Func<int, IReadOnlyList<ClientReceipt>, IEnumerable<ClientOutcome>> Answer { get; set; } = (_, receipts) => receipts;

    /// <summary>Called before each client trains.</summary>
    public Action<int, int> BeforeTraining { get; set; } = (_, _) => { };

    public async IAsyncEnumerable<ClientOutcome> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Instructions.Add(instruction);
        var receipts = new List<ClientReceipt>();
        foreach (int client in cohort)
        {
            if (!_finished.TryGetValue((instruction.Round, client), out ClientReceipt? receipt))
            {
                BeforeTraining(instruction.Round, client);
                cancellationToken.ThrowIfCancellationRequested();
                receipt = Train(instruction, client);
                _finished.Add((instruction.Round, client), receipt);
                Trained.Add((instruction.Round, client));
            }

            receipts.Add(receipt);
        }

        foreach (ClientOutcome outcome in Answer(instruction.Round, receipts))
        {
            await Task.Yield();
            yield return outcome;
        }
    }

    /// <summary>Stores an update and returns its receipt.</summary>
    public ClientReceipt Receipt(int client, TensorSet delta) => new(
        client, store.Put(delta), Weight(client), TensorMagnitudes.Of(delta), new ClientMetrics(Loss: 2 + client, Tokens: 100 * (client + 1), Seconds: 0.5));

    /// <summary>Returns a client's number of samples.</summary>
    public static double Weight(int client) => 10 + (7 * client);

    /// <summary>Returns a client's delta: noise of its own plus a pull of the adapter toward zero.</summary>
    public static TensorSet Delta(TensorSet adapter, int round, int client)
    {
        var random = new CounterRandom(99, RandomPurpose.DataGeneration, round, client);
        TensorSet delta = adapter.Clone();
        for (int i = 0; i < delta.Values.Length; i++)
        {
            delta.Values[i] = ((random.Uniform((ulong)i) - 0.5f) * 0.01f) - (0.1f * adapter.Values[i]);
        }

        return delta;
    }

    // What an instruction says, without a learner: the trained factors move, the uploaded ones go up, the others stay as private state.
    private ClientReceipt Train(RoundInstruction instruction, int client)
    {
        IReadOnlyDictionary<string, string> own = instruction.PrivateStates.GetValueOrDefault(client) ?? new Dictionary<string, string>();
        TensorSet begun = Aggregation.ForClient(store.Get(instruction.StateHash), client);
        if (own.TryGetValue(FedSaLora.PrivateB, out string? factors))
        {
            begun = TensorParts.Overlay(begun, store.Get(factors));
        }

        TensorSet all = Delta(begun, instruction.Round, client);
        TensorSet delta = TensorParts.Extract(all, LoraNames.Part(begun.Layout, instruction.Uploaded));
        var states = new Dictionary<string, string>();
        LoraFactors kept = instruction.Trained & ~instruction.Uploaded;
        if (kept != LoraFactors.None)
        {
            TensorLayout part = LoraNames.Part(begun.Layout, kept);
            states[FedSaLora.PrivateB] = store.Put(FedAvg.Add(TensorParts.Extract(begun, part), TensorParts.Extract(all, part)));
        }

        StoredTensors? controlDelta = null;
        if (instruction.UsesControlVariates)
        {
            TensorSet? last = own.TryGetValue(ControlVariates.PrivateName(instruction.Uploaded), out string? hash) ? store.Get(hash) : null;
            TensorSet? global = instruction.ControlVariateHash is { } c ? store.Get(c) : null;
            TensorSet next = ControlVariates.Next(delta, ControlVariates.Correction(delta.Layout, global, last), 4 * instruction.LearningRate);
            TensorSet change = ControlVariates.Correction(delta.Layout, next, last);
            controlDelta = new StoredTensors(store.Put(change), TensorMagnitudes.Of(change));
            states[ControlVariates.PrivateName(instruction.Uploaded)] = store.Put(next);
        }

        return Receipt(client, delta) with { ControlDelta = controlDelta, PrivateStates = states };
    }
}
