using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;

namespace FedLLM.Grains.Tests;

/// <summary>What becomes a message and comes back is what it was.</summary>
public sealed class TrainingMessagesTests
{
    [Fact]
    public void Instruction_ThereAndBack_IsTheClientsPartOfIt()
    {
        var instruction = new RoundInstruction("run", 4, "state", 0.1)
        {
            BaseCorrectionHash = "base",
            Trained = LoraFactors.Both,
            Uploaded = LoraFactors.A,
            ProximalMu = 0.5,
            UsesControlVariates = true,
            ControlVariateHash = "control",
            PrivateStates = new Dictionary<int, IReadOnlyDictionary<string, string>>
            {
                [2] = new Dictionary<string, string> { ["control"] = "of 2" },
                [5] = new Dictionary<string, string> { ["control"] = "of 5" },
            },
        };
        RoundInstruction back = TrainingMessages.ToInstruction(TrainingMessages.ToRequest(instruction, 5), 5);
        Assert.Equivalent(instruction.For(5), back, strict: true);
        Assert.Equal(instruction.WithoutPrivateStates(), back.WithoutPrivateStates());
    }

    [Fact]
    public void Instruction_ClientWithoutPrivateStates_HasNoneAfterwards()
    {
        var instruction = new RoundInstruction("run", 4, "state", 0.1);
        Assert.Empty(TrainingMessages.ToInstruction(TrainingMessages.ToRequest(instruction, 5), 5).PrivateStates);
    }

    [Fact]
    public void Answers_ThereAndBack_AreTheSame()
    {
        TrainingAnswer[] answers =
        [
            new StillTraining(3, "state"),
            new TrainingRefused(3, "state", "no usable sample"),
            new UpdateStored(3, "state", new ClientReceipt(5, "update", 12, [0.5f, float.Epsilon], new ClientMetrics(double.NaN, 99, 0.25)
            {
                Rewards = new ClientRewards(1, -1, 0.5),
            })
            {
                ControlDelta = new StoredTensors("delta", [float.MaxValue]),
                PrivateStates = new Dictionary<string, string> { ["control"] = "mine" },
            }),
            new UpdateStored(3, "state", new ClientReceipt(5, "update", 12, [], new ClientMetrics(1, 2, 3))),
        ];
        foreach (TrainingAnswer answer in answers)
        {
            TrainingAnswer back = TrainingMessages.ToAnswer(TrainingMessages.ToReply(answer));
            Assert.IsType(answer.GetType(), back);
            Assert.Equivalent(answer, back, strict: true);
        }
    }
}
