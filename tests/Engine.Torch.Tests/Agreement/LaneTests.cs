using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using TorchSharp;

namespace FedLLM.Engine.Torch.Tests.Agreement;

/// <summary>Lanes on Torch: each is within rounding of training alone, whatever trains beside it; nothing it made is left behind.</summary>
public sealed class LaneTests
{
    private const int Steps = 3;
    private static readonly ModelConfig Config = TinyModel.Config();

    [SkippableTheory]
    [InlineData(false, 0.0)]
    [InlineData(true, 0.0)]
    [InlineData(false, 0.3)]
    [InlineData(true, 0.3)]
    public void Step_UnequalLanes_AreAsAlone(bool checkpointing, double dropout)
    {
        using var learner = new TorchLearner(TinyModel.Random(Config), NativeLibraryOfTorch.Require());
        Client[] clients =
        [
            new(TinyModel.AllLinears(3, dropout), 4, [5, 9]), new(TinyModel.AllLinears(2, dropout), 5, [7]), new(TinyModel.AllLinears(3, dropout), 6, [12, 3, 4]),
            new(TinyModel.AllLinears(3, 0), 7, [14]), new(TinyModel.AllLinears(3, dropout), 8, [6, 8]),
        ];
        float[][] together = Train(learner, clients, checkpointing);
        for (int i = 0; i < clients.Length; i++)
        {
            AssertClose(Train(learner, [clients[i]], checkpointing: false)[0], together[i]);
        }
    }

    [SkippableFact]
    public void Step_EqualLanes_AreAsAlone()
    {
        using var learner = new TorchLearner(TinyModel.Random(Config), NativeLibraryOfTorch.Require());
        Client[] clients = [.. Enumerable.Range(0, 4).Select(i => new Client(TinyModel.AllLinears(), i, [8, 5]))];
        float[][] together = Train(learner, clients, checkpointing: false);
        for (int i = 0; i < clients.Length; i++)
        {
            AssertClose(Train(learner, [clients[i]], checkpointing: false)[0], together[i]);
        }
    }

    [SkippableFact]
    public void Step_Checkpointing_GivesTheSameBits()
    {
        using var learner = new TorchLearner(TinyModel.Random(Config), NativeLibraryOfTorch.Require());
        Client[] clients = [new(TinyModel.AllLinears(3, 0.2), 4, [5, 9]), new(TinyModel.AllLinears(3, 0.2), 6, [12, 3, 4]), new(TinyModel.AllLinears(2, 0), 5, [7])];
        Assert.Equal(Train(learner, clients, checkpointing: false), Train(learner, clients, checkpointing: true));
    }

    [SkippableFact]
    public void Step_WithDropout_IsRepeatableAndDiffersByStepAndSeed()
    {
        using var learner = new TorchLearner(TinyModel.Random(Config), NativeLibraryOfTorch.Require());
        var client = new Client(TinyModel.AllLinears(3, 0.5), 4, [12]);
        float[] first = Train(learner, [client], checkpointing: false)[0];
        Assert.Equal(first, Train(learner, [client], checkpointing: false)[0]);
        Assert.NotEqual(first, Train(learner, [client with { DropoutSeed = 9 }], checkpointing: false)[0]);
        Assert.NotEqual(first, Train(learner, [client with { Lora = TinyModel.AllLinears() }], checkpointing: false)[0]);
    }

    [SkippableTheory]
    [InlineData(false, WeightQuantization.None)]
    [InlineData(true, WeightQuantization.None)]
    [InlineData(false, WeightQuantization.Nf4)]
    [InlineData(true, WeightQuantization.Nf4)]
    public void Step_Hundreds_LeaveNoTensorBehind(bool checkpointing, WeightQuantization quantization)
    {
        using var learner = new TorchLearner(TinyModel.Random(Config), NativeLibraryOfTorch.Require(), quantization);
        using ILearnerSession session = learner.Open(1);
        ILoraTrainer<TokenSequence> trainer = session.Trainer(new NextTokenObjective(), checkpointing);
        ITrainingLane[] lanes = [.. Enumerable.Range(0, 3).Select(_ => session.Lane(TinyModel.AllLinears(3, 0.1), new AdamWSettings()))];
        foreach (ITrainingLane lane in lanes)
        {
            lane.Start(TinyModel.Adapter(Config, lane.Lora).Parameters);
        }

        long after = 0;
        for (int step = 0; step < 300; step++)
        {
            trainer.Step(
                [.. lanes.Select((lane, i) => new LaneStep<TokenSequence>(lane, [[TinyModel.Sequence(Config, 4 + i, (ulong)step)]], new StepSettings(1e-3, 1, Step: step)))],
                new StepResult[lanes.Length]);
            if (step == 20)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                after = torch.Tensor.TotalCount;
            }
        }

        // Handles that Torch itself makes inside a call wait for the collector; what a step kept would be hundreds of times as many.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.InRange(torch.Tensor.TotalCount, 0, after + 20);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        int far = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            far += Math.Abs(expected[i] - actual[i]) > 1e-5 ? 1 : 0;
        }

        // Elements whose gradient is rounding noise: Adam moves them by the learning rate, either way.
        Assert.InRange(far, 0, expected.Length / 200);
    }

    private static float[][] Train(TorchLearner learner, Client[] clients, bool checkpointing)
    {
        using ILearnerSession session = learner.Open(1);
        ILoraTrainer<TokenSequence> trainer = session.Trainer(new NextTokenObjective(), checkpointing);
        ITrainingLane[] lanes = [.. clients.Select(c => session.Lane(c.Lora, new AdamWSettings()))];
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i].Start(TinyModel.Adapter(Config, clients[i].Lora, (ulong)clients[i].Seed).Parameters);
        }

        for (int step = 0; step < Steps; step++)
        {
            trainer.Step(
                [
                    .. lanes.Select((lane, i) => new LaneStep<TokenSequence>(
                        lane,
                        [[.. clients[i].Lengths.Select((length, n) => TinyModel.Sequence(Config, length, (ulong)((100 * clients[i].Seed) + (10 * step) + n)))]],
                        new StepSettings(1e-3, 1, clients[i].DropoutSeed, 1, clients[i].Seed, step))),
                ],
                new StepResult[lanes.Length]);
        }

        float[][] result = [.. lanes.Select(l => l.Parameters.Values)];
        foreach (ITrainingLane lane in lanes)
        {
            lane.Dispose();
        }

        return result;
    }

    private sealed record Client(LoraConfig Lora, int Seed, int[] Lengths, ulong DropoutSeed = 1);
}
