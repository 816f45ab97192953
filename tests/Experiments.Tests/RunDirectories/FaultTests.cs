using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>Every single file operation of a run, made to fail one after another: each run must resume to the hash of the undisturbed one.</summary>
public sealed class FaultTests
{
    public static TheoryData<int, string, string[]> Cases()
    {
        string[] small = ["federation.rounds=3", "federation.clients_per_round=2"];
        string[] rare = [.. small, "checkpoint.every=3", "checkpoint.keep=1"];
        var cases = new TheoryData<int, string, string[]>();
        foreach (Fault fault in Enum.GetValues<Fault>())
        {
            cases.Add((int)fault, "fedadam", small);
        }

        cases.Add((int)Fault.KillTorn, "fedadam", rare);
        cases.Add((int)Fault.KillTorn, "scaffold", small);
        cases.Add((int)Fault.RefuseTorn, "scaffold", rare);
        cases.Add((int)Fault.KillTorn, "fedsa", rare);
        cases.Add((int)Fault.KillAfter, "flora", rare);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_FaultAtEveryOperation_ResumesToTheSameHash(int kind, string method, string[] overrides)
    {
        var fault = (Fault)kind;
        using var folder = new TemporaryFolder();
        var undisturbed = ToyRun.Of(method, folder.Make("undisturbed"), overrides);
        string expected = undisturbed.Run();
        string[] lines = Lines(undisturbed);
        string? shown = DiskFiles.Instance.HashOf(undisturbed.Paths.AdapterWeights);
        int faults = 0;
        for (int at = 1; ; at++)
        {
            var run = ToyRun.Of(method, folder.Make("run"), overrides);
            var files = new FaultyFiles(fault, at);
            Strike(run, files, fault);
            if (!files.Struck)
            {
                break;
            }

            faults++;
            Assert.True(expected == run.Run(), $"operation {at} ({fault}): another hash");

            // Of what a fault leaves, only half a line of the journal is worth a word.
            Assert.DoesNotContain(run.Warnings, w => !w.Contains("unfinished line", StringComparison.Ordinal));

            // Of finished client work, at most what was in flight is done again.
            Assert.True(run.Trained <= undisturbed.Trained + 1, $"operation {at} ({fault}): {run.Trained} trainings, not {undisturbed.Trained}");
            Assert.Equal(lines, Lines(run));
            Assert.Equal(shown, DiskFiles.Instance.HashOf(run.Paths.AdapterWeights));
            Assert.Empty(Directory.GetFiles(run.Folder, "*.tmp", SearchOption.AllDirectories));
            Directory.Delete(run.Folder, recursive: true);
        }

        Assert.InRange(faults, 100, 10_000);
    }

    /// <summary>Runs with a fault, which kills the process or is told in one line that names the directory.</summary>
    internal static void Strike(ToyRun run, FaultyFiles files, Fault fault)
    {
        try
        {
            run.Run(files);
        }
        catch (KilledException)
        {
            Assert.NotEqual(Fault.Refuse, fault);
        }
        catch (RunStorageException e)
        {
            Assert.Contains(run.Folder, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
        }

        files.Bury();
    }

    /// <summary>Returns what the lines of <c>rounds.jsonl</c> say but the wall times.</summary>
    internal static string[] Lines(ToyRun run) =>
        [.. RoundLines.Read(run.Paths.Rounds).Select(r => $"{r.Round} {string.Join(',', r.Cohort)} {r.TrainLoss} {r.Adapter} {r.BaseCorrection} {r.Excluded.Count} {r.Evaluation?["loss"]}")];
}
