using System.Globalization;

namespace FedLLM.Benchmarks.Training;

/// <summary>
/// <c>train [--out FILE] [--repeats N] [--shared DIR]</c>: LoRA training (rank 8 on q and v, AdamW, clipping) in tokens per second, on one and two threads
/// in turns, each in a process of its own with its peak memory. Tokens are unpadded tokens; a turn is some steps over the same batches.
/// </summary>
internal static class TrainCommand
{
    private static readonly string[] Cases = ["dense", "dolly", "hh-dpo", "stories-dolly"];

    /// <summary>Measures all cases, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        int repeats = int.Parse(Arguments.Option(args, "--repeats") ?? "5", CultureInfo.InvariantCulture);
        string shared = Arguments.Shared(args);
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# LoRA training");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- train`, {Machine.Describe()}; median of {repeats} interleaved turns.");
        text.WriteLine();
        text.WriteLine("| Case | tokens per step | 1 thread, tokens/s | 2 threads, tokens/s | peak memory, MiB | allocated per step, bytes |");
        text.WriteLine("|---|---:|---:|---:|---:|---:|");
        foreach ((string name, string description) in TrainingCases.All.Where(c => Cases.Contains(c.Name)))
        {
            if (TrainingCases.Make(name, shared) is not { } work)
            {
                Console.Error.WriteLine($"{name}: skipped, {shared} is absent");
                continue;
            }

            using var folder = new TemporaryFolder();
            CaseFolder.Write(folder.Path, work);
            using var one = Contestant.Ours("1 thread", folder.Path, work, threads: 1, lanes: 1);
            using var two = Contestant.Ours("2 threads", folder.Path, work, threads: 2, lanes: 1);
            Contestant.Race([one, two], repeats);
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {description} | {(double)work.Tokens / work.Steps:F0} | {work.Tokens / one.Seconds:F0} | {work.Tokens / two.Seconds:F0} | {two.PeakMemory / (1 << 20)} | {two.Turns.Max(t => t.Allocated) / (double)work.Steps:F0} |"));
        }

        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }
}
