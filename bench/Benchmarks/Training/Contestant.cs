using System.Diagnostics;
using System.Text.Json;

namespace FedLLM.Benchmarks.Training;

/// <summary>A process that trains one turn of a case whenever it is told to, and waits in between.</summary>
internal sealed class Contestant : IDisposable
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly Process _process;
    private readonly Task<string> _errors;

    private Contestant(string name, ProcessStartInfo start)
    {
        Name = name;
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>What tables call it.</summary>
    public string Name { get; }

    /// <summary>Whether it computes in float32, so that its losses are the others' but for rounding.</summary>
    public bool IsFloat32 { get; private init; } = true;

    /// <summary>What it runs on, as it says itself.</summary>
    public string Versions { get; private set; } = string.Empty;

    /// <summary>Its turns so far, the first one, which warms it up, aside.</summary>
    public List<TurnResult> Turns { get; } = [];

    /// <summary>Median seconds of a turn.</summary>
    public double Seconds => Median(Turns.Select(t => t.Seconds));

    /// <summary>Peak of its resident memory, bytes.</summary>
    public long PeakMemory => Turns.Max(t => t.PeakMemory);

    /// <summary>Starts our side on the case in <paramref name="folder"/>.</summary>
    public static Contestant Ours(string name, string folder, TrainingCase work, int threads, int lanes)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(Contestant).Assembly.Location);
        }

        foreach (string argument in (string[])["turns", folder, "--threads", $"{threads}", "--lanes", $"{lanes}", "--storage", $"{work.Storage}"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_TieredCompilation"] = "0"; // as the program is built
        return new Contestant(name, start);
    }

    /// <summary>Starts a peer on the case in <paramref name="folder"/>.</summary>
    /// <param name="python">The command that runs Python; it may be several words.</param>
    /// <param name="script">The peer's script.</param>
    /// <param name="folder">The case.</param>
    /// <param name="loop">The script's <c>--loop</c>.</param>
    /// <param name="type">The script's <c>--dtype</c>.</param>
    /// <param name="preload">A shared library that takes the place of the C library's allocator, or null.</param>
    /// <param name="threads">Threads.</param>
    public static Contestant Peer(string python, string script, string folder, string loop, string type, string? preload, int threads)
    {
        string[] words = python.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var start = new ProcessStartInfo(words[0]);
        foreach (string argument in (string[])[.. words[1..], script, folder, "--loop", loop, "--dtype", type, "--threads", $"{threads}"])
        {
            start.ArgumentList.Add(argument);
        }

        // A kernel chosen by hand would slow PyTorch down on processors that have a better one.
        start.Environment.Remove("OPENBLAS_CORETYPE");
        start.Environment.Remove("OPENBLAS_L2_SIZE");
        if (preload is not null)
        {
            start.Environment["LD_PRELOAD"] = preload;
        }

        string name = $"PyTorch, {loop}, {type}{(preload is null ? string.Empty : $", {Path.GetFileName(preload).Split('.')[0]}")}";
        return new Contestant(name, start) { IsFloat32 = type == "float32" };
    }

    /// <summary>Lets all contestants train in turns; the first turn of each warms it up and is thrown away.</summary>
    public static void Race(IReadOnlyList<Contestant> contestants, int repeats)
    {
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            foreach (Contestant contestant in contestants)
            {
                if (repeat < 0)
                {
                    contestant.Versions = contestant.Read<Greeting>().Versions;
                }

                contestant._process.StandardInput.WriteLine();
                contestant._process.StandardInput.Flush();
                TurnResult turn = contestant.Read<TurnResult>();
                if (repeat >= 0)
                {
                    contestant.Turns.Add(turn);
                }

                Console.Error.WriteLine($"{(repeat < 0 ? "warm-up" : $"turn {repeat + 1} of {repeats}")}: {contestant.Name}, {turn.Seconds:F2} s");
            }
        }
    }

    /// <summary>The median of some values.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Ends the process: a closed input tells it to.</summary>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private TMessage Read<TMessage>()
    {
        string? line = _process.StandardOutput.ReadLine();
        return line is not null
            ? JsonSerializer.Deserialize<TMessage>(line, Json)!
            : throw new InvalidOperationException($"{Name} ended early:\n{_errors.GetAwaiter().GetResult()}");
    }

    private sealed record Greeting(string Versions);
}
