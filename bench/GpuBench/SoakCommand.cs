using System.Globalization;
using FedLLM.Benchmarks.Training;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using TorchSharp;

namespace FedLLM.Benchmarks.Gpu;

/// <summary>
/// <c>soak --device cuda|cpu [--steps 10000] [--shape tiny] [--quantization none|int8|nf4] [--checkpointing]</c>: trains three lanes of unequal rank and length for a long
/// time and prints, for every tenth of it, how many tensors there are and what the process holds of the machine's memory. Fails where either grows after the first tenth.
/// </summary>
internal static class SoakCommand
{
    private const int Lanes = 3;
    private const int Length = 32;

    // Handles that Torch itself makes inside a call wait for the collector; what every step kept would be thousands.
    private const long TensorSlack = 50;
    private const long MemorySlack = 32L << 20;

    /// <summary>Trains.</summary>
    public static int Run(string[] args)
    {
        TorchDevice device = TurnsCommand.Device(args);
        int steps = int.Parse(Arguments.Option(args, "--steps") ?? "10000", CultureInfo.InvariantCulture);
        ModelConfig config = Shapes.Of(Arguments.Option(args, "--shape") ?? "tiny", Length);
        WeightQuantization quantization = Enum.Parse<WeightQuantization>(Arguments.Option(args, "--quantization") ?? "none", ignoreCase: true);
        using var learner = new TorchLearner(RandomWeights.Draw(config, 1), device, quantization);
        using ILearnerSession session = learner.Open(Environment.ProcessorCount);
        ILoraTrainer<TokenSequence> trainer = session.Trainer(new NextTokenObjective(), args.Contains("--checkpointing"));
        ITrainingLane[] lanes = [.. Enumerable.Range(0, Lanes).Select(i => session.Lane(CaseFolder.Lora with { Rank = 4 + (4 * (i / 2)), Dropout = 0.05 }, new AdamWSettings()))];
        foreach (ITrainingLane lane in lanes)
        {
            lane.Start(LoraAdapter.Initialize(config, lane.Lora, 1).Parameters);
        }

        Console.WriteLine($"{device.Name}, {steps} steps of {Lanes} lanes\n\n| step | tensors | resident MiB |\n|---:|---:|---:|");
        (long Tensors, long Memory) first = default;
        (long Tensors, long Memory) last = default;
        var random = new CounterRandom(2, RandomPurpose.DataGeneration);
        ulong position = 0;
        for (int step = 0; step < steps; step++)
        {
            trainer.Step(
                [
                    .. lanes.Select((lane, i) => new LaneStep<TokenSequence>(
                        lane, [[Sequence(config, Length - (5 * i), random, ref position)]], new StepSettings(1e-4, 1, Client: i, Step: step))),
                ],
                new StepResult[Lanes]);
            if ((step + 1) % Math.Max(1, steps / 10) == 0)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                last = (torch.Tensor.TotalCount, Environment.WorkingSet);
                first = first == default ? last : first;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {step + 1} | {last.Tensors} | {last.Memory / 1048576.0:F1} |"));
            }
        }

        bool flat = last.Tensors <= first.Tensors + TensorSlack && last.Memory <= first.Memory + MemorySlack;
        Console.WriteLine(flat ? "\nflat" : "\nnot flat");
        return flat ? 0 : 1;
    }

    private static TokenSequence Sequence(ModelConfig config, int length, CounterRandom random, ref ulong position)
    {
        int[] tokens = new int[length];
        for (int i = 0; i < length; i++)
        {
            tokens[i] = (int)random.Below((uint)config.VocabularySize, ref position);
        }

        return new TokenSequence(tokens, [.. Enumerable.Range(0, length).Select(i => i > 0)]);
    }
}
