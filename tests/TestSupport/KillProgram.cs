using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using FedLLM.Numerics;

namespace FedLLM.TestSupport;

/// <summary>What came of the killed runs of one experiment.</summary>
/// <param name="Kills">Processes that were killed.</param>
/// <param name="BeforeCheckpoint">Of those, how many before their run directory had its first checkpoint, the program's start included.</param>
/// <param name="Runs">Runs that were carried to their end over those kills.</param>
/// <param name="Equal">Of those, how many ended with the undisturbed run's adapter.</param>
/// <param name="Finished">Client trainings that the journals hold as finished, each counted once.</param>
/// <param name="Redone">Finished client trainings that were done again.</param>
public sealed record KillTally(int Kills, int BeforeCheckpoint, int Runs, int Equal, int Finished, int Redone)
{
    /// <summary>Returns the sum of two tallies.</summary>
    public static KillTally operator +(KillTally a, KillTally b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return new(a.Kills + b.Kills, a.BeforeCheckpoint + b.BeforeCheckpoint, a.Runs + b.Runs, a.Equal + b.Equal, a.Finished + b.Finished, a.Redone + b.Redone);
    }
}

/// <summary>
/// Starts the real program on an experiment, ends it by SIGKILL at a random instant, gives the same command again, and so on until the run ends;
/// then compares the final adapter with that of an undisturbed run.
/// </summary>
/// <param name="program">The program's assembly, <c>fedllm.dll</c>.</param>
/// <param name="arguments">Of <c>fedllm run</c>, without <c>--out</c>.</param>
/// <param name="folder">Where the run directories go; each is deleted when its run has ended well.</param>
/// <param name="seed">Of the instants: how long each process lives is drawn from it, uniformly over the life of a process that is not killed.</param>
public sealed class KillProgram(string program, IReadOnlyList<string> arguments, string folder, int seed)
{
    private const int MostProcessesOfARun = 500;
    private readonly CounterRandom _instants = new((ulong)seed, RandomPurpose.DataSampling);
    private ulong _drawn;
    private string? _expected;
    private TimeSpan _life;
    private int _runs;

    /// <summary>Kills until <paramref name="kills"/> processes were killed and the last run has ended.</summary>
    /// <exception cref="InvalidOperationException">The program failed by itself.</exception>
    public async Task<KillTally> RunAsync(int kills)
    {
        await MeasureAsync();
        var tally = new KillTally(0, 0, 0, 0, 0, 0);
        while (tally.Kills < kills)
        {
            tally += await RunOnceAsync(kills - tally.Kills);
        }

        return tally;
    }

    // The undisturbed run: its hash, and how long a process lives.
    private async Task MeasureAsync()
    {
        string directory = Path.Combine(folder, FormattableString.Invariant($"undisturbed-{seed}"));
        long begun = Stopwatch.GetTimestamp();
        await LiveAsync(directory, null);
        _life = Stopwatch.GetElapsedTime(begun);
        _expected = AdapterHash(directory);
        Directory.Delete(directory, recursive: true);
    }

    private async Task<KillTally> RunOnceAsync(int mostKills)
    {
        string directory = Path.Combine(folder, FormattableString.Invariant($"killed-{seed}-{_runs++}"));
        int kills = 0;
        int early = 0;
        for (int processes = 0; ; processes++)
        {
            if (processes > MostProcessesOfARun)
            {
                throw new InvalidOperationException($"The run in {directory} does not end.");
            }

            long begun = Stopwatch.GetTimestamp();
            if (await LiveAsync(directory, kills < mostKills ? _life * _instants.UniformDouble(_drawn++) : null))
            {
                // On a machine that others use, a life is as long as the last whole one.
                _life = processes == 0 ? Stopwatch.GetElapsedTime(begun) : _life;
                break;
            }

            kills++;
            early += Directory.Exists(Path.Combine(directory, "checkpoints")) && Directory.EnumerateFiles(Path.Combine(directory, "checkpoints"), "*.json").Any() ? 0 : 1;
        }

        bool equal = AdapterHash(directory) == _expected;
        (int finished, int redone) = Trainings(Path.Combine(directory, "journal.jsonl"));
        if (equal)
        {
            Directory.Delete(directory, recursive: true);
        }

        return new KillTally(kills, early, 1, equal ? 1 : 0, finished, redone);
    }

    // One process: true where it ended by itself, false where it was killed.
    private async Task<bool> LiveAsync(string directory, TimeSpan? life)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in (string[])["exec", program, "run", .. arguments, "--out", directory, "--json"])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task ended = process.WaitForExitAsync();
        if (life is { } span && await Task.WhenAny(ended, Task.Delay(span)) != ended)
        {
            process.Kill();
        }

        await ended;
        await output;
        string said = await error;
        const int Killed = 128 + 9;
        return process.ExitCode switch
        {
            0 => true,
            Killed when life is not null => false,
            int code => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The program ended with {code} in {directory}: {said}")),
        };
    }

    private static string AdapterHash(string directory) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(directory, "adapter", "adapter_model.safetensors"))));

    // A client is journalled when its update is stored: the same client twice in one round was trained twice.
    private static (int Finished, int Redone) Trainings(string journal)
    {
        var seen = new HashSet<(int, int)>();
        int all = 0;
        foreach (string line in File.ReadLines(journal))
        {
            using JsonDocument document = JsonDocument.Parse(line);
            if (document.RootElement.GetProperty("entry").TryGetProperty("receipt", out JsonElement receipt))
            {
                all++;
                seen.Add((receipt.GetProperty("round").GetInt32(), receipt.GetProperty("client").GetInt32()));
            }
        }

        return (seen.Count, all - seen.Count);
    }
}
