using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Pretraining;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>train [--out FILE] [--repeats N] [--shared DIR]</c>: LoRA training (rank 8 on q and v, AdamW, clipping) in tokens per second, on one and two threads
/// in turns, and the process's peak memory. Each case runs in a process of its own. Tokens are unpadded tokens; a turn is some steps over the same batches.
/// </summary>
internal static class TrainCommand
{
    private static readonly string[] Cases = ["dense", "stories-dolly"];

    /// <summary>Measures all cases, or, as a child process, the one named by <c>--case</c>.</summary>
    public static int Run(string[] args)
    {
        int repeats = int.Parse(Arguments.Option(args, "--repeats") ?? "5", CultureInfo.InvariantCulture);
        string shared = Arguments.Option(args, "--shared") ?? Environment.GetEnvironmentVariable("FEDLLM_SHARED") ?? "../shared";
        if (Arguments.Option(args, "--case") is { } only)
        {
            Console.WriteLine(JsonSerializer.Serialize(Measure(only, shared, repeats)));
            return 0;
        }

        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# LoRA training");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- train`, {Machine.Describe()}; median of {repeats} interleaved turns.");
        text.WriteLine();
        text.WriteLine("| Case | tokens per step | 1 thread, tokens/s | 2 threads, tokens/s | peak memory, MiB | allocated per step, bytes |");
        text.WriteLine("|---|---:|---:|---:|---:|---:|");
        foreach (string name in Cases)
        {
            if (name != "dense" && !Directory.Exists(shared))
            {
                Console.Error.WriteLine($"{name}: skipped, {shared} is absent");
                continue;
            }

            Result result = InChild(name, shared, repeats);
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {result.Description} | {result.TokensPerStep:F0} | {result.OneThread:F0} | {result.TwoThreads:F0} | {result.PeakMemory / (1 << 20)} | {result.Allocated:F0} |"));
        }

        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }

    private static Result InChild(string name, string shared, int repeats)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(TrainCommand).Assembly.Location);
        }

        foreach (string argument in (string[])["train", "--case", name, "--shared", shared, "--repeats", $"{repeats}"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize<Result>(output)! : throw new InvalidOperationException($"The case {name} failed.");
    }

    private static Result Measure(string name, string shared, int repeats)
    {
        var (description, weights, batches) = name == "dense" ? Dense() : Stories(shared);
        var lora = new LoraConfig(8, 16, 0.05, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
        TensorSet initial = LoraAdapter.Initialize(weights.Config, lora, 1).Parameters;
        double[][] speeds = [new double[repeats], new double[repeats]];
        long allocated = 0;
        long tokens = batches.Sum(b => b.Sum(s => s.Tokens.Length));
        using var one = new Workers(1);
        using var two = new Workers(2);
        LoraTrainer<TokenSequence>[] trainers = [new(weights, new NextTokenObjective(), one), new(weights, new NextTokenObjective(), two)];
        var lane = new TrainingLane(weights.Config, lora, new AdamWSettings());
        var results = new StepResult[1];
        LaneStep<TokenSequence>[] steps = [.. batches.Select((batch, step) => new LaneStep<TokenSequence>(lane, [batch], new StepSettings(1e-3, 1.0, Step: step)))];
        for (int turn = -1; turn < repeats; turn++)
        {
            for (int i = 0; i < trainers.Length; i++)
            {
                // The first turn warms caches and compiled code and is thrown away.
                lane.Start(initial);
                long before = GC.GetTotalAllocatedBytes(precise: true);
                long start = Stopwatch.GetTimestamp();
                for (int step = 0; step < steps.Length; step++)
                {
                    trainers[i].Step(steps.AsSpan(step, 1), results);
                }

                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
                if (turn >= 0)
                {
                    speeds[i][turn] = tokens / seconds;
                }
            }
        }

        return new Result(
            description, tokens / (double)batches.Length, Median(speeds[0]), Median(speeds[1]),
            Process.GetCurrentProcess().PeakWorkingSet64, allocated / (double)batches.Length);
    }

    private static (string Description, DecoderWeights Weights, TokenSequence[][] Batches) Dense()
    {
        var config = new ModelConfig
        {
            Family = ModelFamily.Llama,
            HiddenSize = 288,
            IntermediateSize = 768,
            Layers = 6,
            Heads = 6,
            KeyValueHeads = 6,
            HeadSize = 48,
            VocabularySize = 32_000,
            MaxPositions = 256,
            NormEpsilon = 1e-5f,
            RopeTheta = 10_000,
            TiedEmbeddings = true,
        };
        var random = new CounterRandom(1, RandomPurpose.DataGeneration);
        ulong position = 0;
        bool[] scored = [.. Enumerable.Range(0, 256).Select(i => i > 0)];
        TokenSequence[][] batches =
        [
            .. Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, 4).Select(_ => new TokenSequence(
                [.. Enumerable.Range(0, 256).Select(_ => (int)random.Below(32_000, ref position))], scored)).ToArray()),
        ];
        return ("random weights: hidden 288, 6 layers, 6 heads, MLP 768, vocabulary 32,000; 4 x 256 tokens, all scored", InitialWeights.Draw(config, 1), batches);
    }

    private static (string Description, DecoderWeights Weights, TokenSequence[][] Batches) Stories(string shared)
    {
        string model = Path.Combine(shared, "models", "stories260K");
        var encoder = new SampleEncoder(TokenizerDirectory.Load(model), PromptTemplate.Alpaca, 512);
        string file = DataFiles.FindShards(Path.Combine(shared, "data", "dolly-10-clients"), "local_training_*.json.gz")[1];
        IReadOnlyList<TokenSequence> samples = SampleSet.Encode(new ExampleReader().Read(file), encoder).Samples;
        return (
            "stories260K on Dolly samples, response-only, batch 16", ModelDirectory.Load(model),
            [.. Enumerable.Range(0, 10).Select(step => samples.Skip(16 * step).Take(16).ToArray())]);
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private sealed record Result(string Description, double TokensPerStep, double OneThread, double TwoThreads, long PeakMemory, double Allocated);
}
