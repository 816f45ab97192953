using System.Globalization;
using System.Text.Json;
using FedLLM.Benchmarks.Training;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Gpu;

/// <summary>
/// <c>write FOLDER --shape SHAPE --task sft|dpo --clients N --steps N --batch N --length N</c>: writes a case of random weights and tokens as both sides read it. Lengths
/// lie between a quarter of the longest and the longest; of a sequence the second half is scored, of a pair the halves that differ. Prints the tokens and the operations
/// that training cannot do without.
/// </summary>
internal static class WriteCommand
{
    /// <summary>Writes the case.</summary>
    public static int Run(string[] args)
    {
        int Number(string name) => int.Parse(Arguments.Option(args, name)!, CultureInfo.InvariantCulture);
        (int clients, int steps, int batch, int length) = (Number("--clients"), Number("--steps"), Number("--batch"), Number("--length"));
        ModelConfig config = Shapes.Of(Arguments.Option(args, "--shape")!, length);
        var random = new CounterRandom(1, RandomPurpose.DataGeneration);
        ulong position = 0;

        // A case that has its model already, of the run before, keeps it.
        void Model(string folder)
        {
            if (!File.Exists(Path.Combine(folder, "config.json")))
            {
                ModelDirectory.Save(folder, RandomWeights.Draw(config, 1), TensorType.BF16);
            }
        }

        TSample[][][] All<TSample>(Func<TSample> one) =>
            [.. Enumerable.Range(0, clients).Select(_ => Enumerable.Range(0, steps).Select(_ => Enumerable.Range(0, batch).Select(_ => one()).ToArray()).ToArray())];
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => (int)random.Below((uint)config.VocabularySize, ref position))];
        int Length() => Math.Max(4, (length / 4) + (int)random.Below((uint)(length - (length / 4) + 1), ref position));
        bool[] Scored(int count) => [.. Enumerable.Range(0, count).Select(i => i >= count / 2)];

        TokenSequence Sequence()
        {
            int count = Length();
            return new TokenSequence(Tokens(count), Scored(count));
        }

        PreferencePair Pair()
        {
            int count = Length();
            int[] prompt = Tokens(count / 2);
            return new PreferencePair(
                new TokenSequence([.. prompt, .. Tokens(count - prompt.Length)], Scored(count)), new TokenSequence([.. prompt, .. Tokens(count - prompt.Length)], Scored(count)));
        }

        var work = new TrainingCase("gpu", Model);
        work = Arguments.Option(args, "--task") == "dpo" ? work with { Pairs = All(Pair) } : work with { Sequences = All(Sequence) };
        CaseFolder.Write(args[0], work);
        Console.WriteLine(JsonSerializer.Serialize(new { tokens = work.Tokens, operations = UsefulWork.Operations(work, config) }));
        return 0;
    }
}
