using System.Diagnostics;
using System.Globalization;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>interrupts [--times 5] [--program fedllm.dll] [--out FILE]</c>: how long <c>fedllm run</c> goes on after Ctrl-C, on the demo's rounds and in the middle of a step
/// that takes hours, and after a second Ctrl-C. The program must have been built.
/// </summary>
internal static class InterruptsCommand
{
    private static readonly (string Name, string[] Settings, string[] Signals)[] Cases =
    [
        ("the demo's rounds", [], ["INT"]),
        ("a step of hours", ["--set", "training.gradient_accumulation=100000"], ["INT"]),
        ("a step of hours, a second signal at once", ["--set", "training.gradient_accumulation=100000"], ["INT", "TERM"]),
    ];

    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>; 1 where a process did not exit with 130.</summary>
    public static int Run(string[] args)
    {
        int times = int.Parse(Arguments.Option(args, "--times") ?? "5", CultureInfo.InvariantCulture);
        string program = Path.GetFullPath(Arguments.Option(args, "--program") ?? "src/Cli/bin/Release/net10.0/fedllm.dll");
        string folder = Directory.CreateTempSubdirectory("fedllm-interrupts-").FullName;
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Interrupted runs");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- interrupts`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine($"From the signal to the end of `fedllm run configs/demo.yaml`, in seconds, over {times} runs each. The signal is SIGINT, the second one SIGTERM.");
        text.WriteLine();
        text.WriteLine("| interrupted in | least | most | exit codes |");
        text.WriteLine("|---|---:|---:|---|");
        bool right = true;
        foreach ((string name, string[] settings, string[] signals) in Cases)
        {
            (double Seconds, int Code)[] ends = [.. Enumerable.Range(0, times).Select(i => Interrupt(program, Path.Combine(folder, $"{name.Length}-{i}"), settings, signals, 40 * i))];
            right &= ends.All(e => e.Code == 130);
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {ends.Min(e => e.Seconds):F2} | {ends.Max(e => e.Seconds):F2} | {string.Join(", ", ends.Select(e => e.Code).Distinct())} |"));
        }

        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        Directory.Delete(folder, recursive: true);
        return right ? 0 : 1;
    }

    // Some milliseconds after round 0, so that signals meet different instants of a round.
    private static (double Seconds, int Code) Interrupt(string program, string directory, string[] settings, string[] signals, int later)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (string argument in (string[])["exec", program, "run", "configs/demo.yaml", "--out", directory, .. settings])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        while (process.StandardError.ReadLine() is { } line && !line.Contains("round 0/", StringComparison.Ordinal))
        {
        }

        Task<string> rest = process.StandardError.ReadToEndAsync();
        Thread.Sleep(later);
        long sent = Stopwatch.GetTimestamp();
        string id = process.Id.ToString(CultureInfo.InvariantCulture);
        using Process shell = Process.Start("sh", ["-c", string.Join(" && ", signals.Select(s => $"kill -{s} {id}"))]);
        process.WaitForExit();
        double seconds = Stopwatch.GetElapsedTime(sent).TotalSeconds;
        rest.Wait();
        return (seconds, process.ExitCode);
    }
}
