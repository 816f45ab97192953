using System.Runtime.InteropServices;
using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Turns what the state machines say to each other into messages, and back. Nothing is added, nothing is lost.</summary>
internal static class TrainingMessages
{
    public static TrainRequest ToRequest(RoundInstruction instruction, int client) => new()
    {
        Identity = instruction.RunId,
        Round = instruction.Round,
        StateHash = instruction.StateHash,
        LearningRate = instruction.LearningRate,
        BaseCorrectionHash = instruction.BaseCorrectionHash,
        Trained = (int)instruction.Trained,
        Uploaded = (int)instruction.Uploaded,
        ProximalMu = instruction.ProximalMu,
        UsesControlVariates = instruction.UsesControlVariates,
        ControlVariateHash = instruction.ControlVariateHash,
        PrivateStates = instruction.PrivateStates.TryGetValue(client, out IReadOnlyDictionary<string, string>? own) ? new(own) : [],
    };

    public static RoundInstruction ToInstruction(TrainRequest request, int client) =>
        new(request.Identity, request.Round, request.StateHash, request.LearningRate)
        {
            BaseCorrectionHash = request.BaseCorrectionHash,
            Trained = (LoraFactors)request.Trained,
            Uploaded = (LoraFactors)request.Uploaded,
            ProximalMu = request.ProximalMu,
            UsesControlVariates = request.UsesControlVariates,
            ControlVariateHash = request.ControlVariateHash,
            PrivateStates = request.PrivateStates.Count == 0
                ? new Dictionary<int, IReadOnlyDictionary<string, string>>()
                : new Dictionary<int, IReadOnlyDictionary<string, string>> { [client] = request.PrivateStates },
        };

    public static TrainReply ToReply(TrainingAnswer answer) => new()
    {
        Round = answer.Round,
        StateHash = answer.StateHash,
        Outcome = answer switch
        {
            UpdateStored => TrainOutcome.Stored,
            TrainingRefused => TrainOutcome.Refused,
            _ => TrainOutcome.StillTraining,
        },
        Receipt = answer is UpdateStored stored ? ToMessage(stored.Receipt) : null,
        Reason = (answer as TrainingRefused)?.Reason,
    };

    public static TrainingAnswer ToAnswer(TrainReply reply) => reply switch
    {
        { Outcome: TrainOutcome.Stored, Receipt: { } receipt } => new UpdateStored(reply.Round, reply.StateHash, ToReceipt(receipt)),
        { Outcome: TrainOutcome.Refused } => new TrainingRefused(reply.Round, reply.StateHash, reply.Reason ?? "it gave no reason"),
        _ => new StillTraining(reply.Round, reply.StateHash),
    };

    private static Receipt ToMessage(ClientReceipt receipt) => new()
    {
        Client = receipt.Client,
        UpdateHash = receipt.UpdateHash,
        Weight = receipt.Weight,
        MaxAbsolute = ToBytes(receipt.MaxAbsolute),
        Loss = receipt.Metrics.Loss,
        Tokens = receipt.Metrics.Tokens,
        Seconds = receipt.Metrics.Seconds,
        Rewards = receipt.Metrics.Rewards is { } r ? [r.Chosen, r.Rejected, r.Accuracy] : [],
        ControlDeltaHash = receipt.ControlDelta?.Hash,
        ControlMaxAbsolute = receipt.ControlDelta is { } delta ? ToBytes(delta.MaxAbsolute) : [],
        PrivateStates = new(receipt.PrivateStates),
    };

    private static ClientReceipt ToReceipt(Receipt receipt) => new(
        receipt.Client, receipt.UpdateHash, receipt.Weight, ToFloats(receipt.MaxAbsolute), new ClientMetrics(receipt.Loss, receipt.Tokens, receipt.Seconds)
        {
            Rewards = receipt.Rewards is [double chosen, double rejected, double accuracy] ? new ClientRewards(chosen, rejected, accuracy) : null,
        })
    {
        ControlDelta = receipt.ControlDeltaHash is { } hash ? new StoredTensors(hash, ToFloats(receipt.ControlMaxAbsolute)) : null,
        PrivateStates = receipt.PrivateStates,
    };

    private static byte[] ToBytes(IReadOnlyList<float> values) => MemoryMarshal.AsBytes<float>(values.ToArray()).ToArray();

    private static float[] ToFloats(byte[] bytes) => MemoryMarshal.Cast<byte, float>(bytes).ToArray();
}
