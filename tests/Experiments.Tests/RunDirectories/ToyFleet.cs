using System.Runtime.CompilerServices;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>Clients that "train" by drawing numbers, and keep what the method has them keep. Now and then one drops out.</summary>
internal sealed class ToyFleet(ToyRun run, RunDirectory directory) : IClientFleet
{
    public async IAsyncEnumerable<ClientOutcome> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (int client in cohort)
        {
            yield return (client + instruction.Round) % 5 == 0
                ? new ClientExclusion(client, "dropped out")
                : directory.Journal.FindReceipt(instruction, client) ?? Train(instruction, client);
        }
    }

    private ClientReceipt Train(RoundInstruction instruction, int client)
    {
        run.Trained++;
        ITensorStore store = directory.Store;
        TensorSet moved = store.Get(instruction.StateHash);
        TensorSet? correction = instruction.BaseCorrectionHash is { } hash ? store.Get(hash) : null;
        var states = new Dictionary<string, string>();
        TensorSet? kept = Own(FedSaLora.PrivateB);
        var random = new CounterRandom(3, RandomPurpose.DataSampling, instruction.Round, client);
        for (int i = 0; i < moved.Values.Length; i++)
        {
            moved.Values[i] = (moved.Values[i] * 0.25f) + random.Uniform((ulong)i) - 0.5f + (correction?.Values[i] ?? 0) + (kept?.Values[i % kept.Values.Length] ?? 0);
        }

        TensorSet update = TensorParts.Extract(moved, LoraNames.Part(moved.Layout, instruction.Uploaded));
        LoraFactors stays = instruction.Trained & ~instruction.Uploaded;
        if (stays != LoraFactors.None)
        {
            states[FedSaLora.PrivateB] = store.Put(TensorParts.Extract(moved, LoraNames.Part(moved.Layout, stays)));
        }

        StoredTensors? controlDelta = null;
        if (instruction.UsesControlVariates)
        {
            string name = ControlVariates.PrivateName(instruction.Uploaded);
            TensorSet? last = Own(name);
            TensorSet? global = instruction.ControlVariateHash is { } c ? store.Get(c) : null;
            TensorSet next = ControlVariates.Next(update, ControlVariates.Correction(update.Layout, global, last), 4 * instruction.LearningRate);
            TensorSet change = ControlVariates.Correction(update.Layout, next, last);
            controlDelta = new StoredTensors(store.Put(change), TensorMagnitudes.Of(change));
            states[name] = store.Put(next);
        }

        var receipt = new ClientReceipt(client, store.Put(update), client + 1, TensorMagnitudes.Of(update), new ClientMetrics(1.0 / (client + 1), 10, 0.5))
        {
            ControlDelta = controlDelta,
            PrivateStates = states,
        };
        directory.Journal.RecordReceipt(instruction, receipt);
        return receipt;

        TensorSet? Own(string name) => instruction.PrivateStates.TryGetValue(client, out IReadOnlyDictionary<string, string>? own)
            && own.TryGetValue(name, out string? state) ? store.Get(state) : null;
    }
}
