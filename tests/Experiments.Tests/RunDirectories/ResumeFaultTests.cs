using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>
/// A run that was killed in its third round, and is resumed with one file operation after another failing, those that read among them: each must still end with
/// the hash of the undisturbed run.
/// </summary>
public sealed class ResumeFaultTests
{
    [Theory]
    [InlineData((int)Fault.KillTorn, "scaffold", "checkpoint.every=3", "checkpoint.keep=1")]
    [InlineData((int)Fault.Refuse, "scaffold", "checkpoint.every=3", "checkpoint.keep=1")]
    [InlineData((int)Fault.Refuse, "fedadam")]
    public void Run_FaultAtEveryOperationOfTheResume_EndsWithTheSameHash(int kind, string method, params string[] cadence)
    {
        var fault = (Fault)kind;
        string[] overrides = ["federation.rounds=3", "federation.clients_per_round=2", .. cadence];
        using var folder = new TemporaryFolder();
        var undisturbed = ToyRun.Of(method, folder.Make("undisturbed"), overrides);
        var counting = new FaultyFiles(fault, int.MaxValue);
        string expected = undisturbed.Run(counting);
        string[] lines = FaultTests.Lines(undisturbed);
        ToyRun killed = KilledInTheThirdRound(folder, method, overrides, counting.Operations);

        int faults = 0;
        for (int at = 1; ; at++)
        {
            var run = ToyRun.Of(method, folder.Copy(killed.Folder, "run"), overrides);
            var files = new FaultyFiles(fault, at);
            FaultTests.Strike(run, files, fault);
            if (!files.Struck)
            {
                break;
            }

            faults++;
            Assert.True(expected == run.Run(), $"operation {at} ({fault}): another hash");
            Assert.DoesNotContain(run.Warnings, w => !w.Contains("unfinished line", StringComparison.Ordinal));

            // Each of the two interruptions may cost the client that was in flight, and a stored update that cannot be read, its client.
            Assert.True(killed.Trained + run.Trained <= undisturbed.Trained + 2, $"operation {at} ({fault}): {run.Trained} trainings");
            Assert.Equal(lines, FaultTests.Lines(run));
            Directory.Delete(run.Folder, recursive: true);
        }

        Assert.InRange(faults, 100, 10_000);
    }

    // The last operation after which the third round has a client's receipt and is not committed.
    private static ToyRun KilledInTheThirdRound(TemporaryFolder folder, string method, string[] overrides, int operations)
    {
        for (int at = operations; ; at--)
        {
            var run = ToyRun.Of(method, folder.Make("killed"), overrides);
            var files = new FaultyFiles(Fault.Kill, at);
            FaultTests.Strike(run, files, Fault.Kill);
            JournalEntry[] entries = [.. JournalContent.Read(DiskFiles.Instance, run.Paths.Journal).Lines.Select(l => l.Entry)];
            if (entries.All(e => e.Round?.Round != 3) && entries.Any(e => e.Receipt?.Round == 3))
            {
                return run;
            }

            Directory.Delete(run.Folder, recursive: true);
        }
    }
}
