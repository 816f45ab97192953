using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>Files of a run that are torn, flipped or gone: detected, named, and never built on.</summary>
public sealed class DamageTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_NewestManifestDamagedAnywhere_UsesThePreviousOneAndNamesIt(bool flip) => ForEachByte(
        paths => paths.Manifest(2),
        flip,
        directory =>
        {
            Assert.Equal(1, directory.Journal.Load()!.Round);
            Assert.Contains(directory.Warnings, w => w.Contains("round-000002.json", StringComparison.Ordinal));
        });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_JournalDamagedAnywhere_UsesAStateThatWasCommittedOrRefuses(bool flip)
    {
        var reached = new HashSet<int>();

        ForEachByte(paths => paths.Journal, flip, directory => reached.Add(directory.Journal.Load()!.Round));

        // Damage behind the newest checkpoint costs nothing, before it, the checkpoints that stand on it.
        Assert.Equal([0, 1, 2], reached.Order());
    }

    [Fact]
    public void Run_ManifestMissing_IsNamed()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, string expected) = Interrupted(folder);
        File.Delete(run.Paths.Manifest(2));

        Assert.Equal(expected, run.Run());

        string warning = Assert.Single(run.Warnings);
        Assert.Equal($"{run.Paths.Manifest(2)}: missing; an older checkpoint is used.", warning);
    }

    [Fact]
    public void Run_LastLineOfTheJournalDamaged_IsNamed()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, string expected) = Interrupted(folder);
        int lines = File.ReadLines(run.Paths.Journal).Count();
        Flip(run.Paths.Journal, (int)new FileInfo(run.Paths.Journal).Length - 3);

        Assert.Equal(expected, run.Run());

        Assert.Equal($"{run.Paths.Journal}: line {lines} is damaged; it is not used.", Assert.Single(run.Warnings));
    }

    [Fact]
    public void Run_HalfALineAtTheJournalsEnd_IsNamed()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, string expected) = Interrupted(folder);
        File.AppendAllText(run.Paths.Journal, "{\"check\":");

        Assert.Equal(expected, run.Run());

        Assert.Contains("ends in an unfinished line of 9 bytes", Assert.Single(run.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_JournalOfAnotherVersion_RefusesAndLeavesItAlone()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, _) = Interrupted(folder);
        (byte[] line, _) = CheckedLine.Encode("{\"verdict\":{}}"u8, JournalContent.Read(DiskFiles.Instance, run.Paths.Journal).Lines[^1].Check);
        File.AppendAllText(run.Paths.Journal, System.Text.Encoding.ASCII.GetString(line));
        byte[] whole = File.ReadAllBytes(run.Paths.Journal);

        RunStorageException failure = Assert.Throws<RunStorageException>(() => run.Run());

        Assert.Contains("was written by another version of this program", failure.Message, StringComparison.Ordinal);
        Assert.Equal(whole, File.ReadAllBytes(run.Paths.Journal));
    }

    [Fact]
    public void Run_DamagedCheckpointNewerThanTheOneUsed_IsSetAsideAndDoesNotDisplaceWholeOnes()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, string expected) = Interrupted(folder);
        Flip(run.Paths.Manifest(2), 60);
        var fewer = new ToyRun(run.Folder, "checkpoint.keep=1");
        fewer.Run(lastRound: 1);

        Assert.True(File.Exists(run.Paths.Manifest(2) + ".damaged"));
        Assert.Equal(expected, fewer.Run());
    }

    [Fact]
    public void Run_AllManifestsDamaged_Refuses()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, _) = Interrupted(folder);
        foreach (string path in Directory.GetFiles(run.Paths.Checkpoints))
        {
            File.WriteAllText(path, "{}");
        }

        RunStorageException failure = Assert.Throws<RunStorageException>(() => run.Run());

        Assert.Contains("no checkpoint is whole", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NewestAdapterDamagedInTheStore_ContinuesFromThePreviousCheckpoint()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, string expected) = Interrupted(folder);
        string hash = RunStatus.Read(run.Folder).Adapter!;
        Flip(Path.Combine(run.Paths.Store, hash[..2], hash + ".safetensors"), 200);

        Assert.Equal(expected, run.Run());

        Assert.Contains(run.Warnings, w => w.Contains(hash, StringComparison.Ordinal) && w.Contains("damaged", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_DerivedFilesDamaged_RestoresThem()
    {
        using var folder = new TemporaryFolder();
        (ToyRun run, _) = Interrupted(folder);
        string lines = File.ReadAllText(run.Paths.Rounds);
        byte[] weights = File.ReadAllBytes(run.Paths.AdapterWeights);
        File.WriteAllText(run.Paths.Rounds, lines + "{\"round\":9");
        File.Delete(run.Paths.AdapterConfig);
        Flip(run.Paths.AdapterWeights, 150);
        File.WriteAllText(run.Paths.Experiment, "%%%");

        using (RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            Assert.Equal(lines, File.ReadAllText(run.Paths.Rounds));
            Assert.Equal(weights, File.ReadAllBytes(run.Paths.AdapterWeights));
            Assert.Contains("\"r\": 8", File.ReadAllText(run.Paths.AdapterConfig), StringComparison.Ordinal);
            Assert.StartsWith("name:", File.ReadAllText(run.Paths.Experiment), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ClosedMembership_AMembersUpdateIsDamaged_AsksItsClientAgain()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder.Make("run"));
        var instruction = new RoundInstruction("id", 1, "state", 0.1);
        using (RunDirectory directory = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            ClientReceipt[] receipts = [Receipt(directory, 0), Receipt(directory, 3)];
            foreach (ClientReceipt receipt in receipts)
            {
                directory.Journal.RecordReceipt(instruction, receipt);
            }

            directory.Journal.CloseMembership(instruction, [.. receipts, new ClientExclusion(4, "slow")]);
        }

        using (RunDirectory again = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            IReadOnlyList<ClientOutcome> members = again.Journal.ClosedMembership(instruction)!;
            Assert.Equal([0, 3, 4], members.Select(m => m.Client));
            Assert.Equal(double.NaN, ((ClientReceipt)members[1]).Metrics.Loss);
            Assert.Equal([0.1f, float.PositiveInfinity], ((ClientReceipt)members[1]).MaxAbsolute);
            Assert.Null(again.Journal.ClosedMembership(instruction with { Round = 2 }));
            Assert.Null(again.Journal.ClosedMembership(instruction with { BaseCorrectionHash = "another" }));
            Assert.NotNull(again.Journal.FindReceipt(instruction, 3));
            Assert.Null(again.Journal.FindReceipt(instruction with { StateHash = "another state" }, 3));
        }

        Flip(Directory.GetFiles(run.Paths.Store, "*", SearchOption.AllDirectories).Order().First(), 170);
        using RunDirectory damaged = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs);
        Assert.Null(damaged.Journal.ClosedMembership(instruction));
        Assert.Single(new[] { 0, 3 }, c => damaged.Journal.FindReceipt(instruction, c) is null);

        static ClientReceipt Receipt(RunDirectory directory, int client) => new(
            client, directory.Store.Put(ToyRun.Tensors((uint)client)), 2.5, [0.1f, float.PositiveInfinity], new ClientMetrics(double.NaN, 3, 1));
    }

    private static (ToyRun Run, string Expected) Interrupted(TemporaryFolder folder)
    {
        string expected = new ToyRun(folder.Make("undisturbed")).Run();
        var run = new ToyRun(folder.Make("interrupted"));
        run.Run(lastRound: 2);
        return (run, expected);
    }

    // Opens a run whose file is cut or flipped at every byte of its end, and at every nineteenth before; now and then carries it to its end.
    private static void ForEachByte(Func<RunPaths, string> file, bool flip, Action<RunDirectory> check)
    {
        using var folder = new TemporaryFolder();
        (ToyRun interrupted, string expected) = Interrupted(folder);
        string[] adapters = [.. RoundLines.Read(interrupted.Paths.Rounds).Select(r => r.Adapter)];
        byte[] whole = File.ReadAllBytes(file(interrupted.Paths));
        for (int i = 0; i < whole.Length; i += i < whole.Length - 200 ? 19 : 1)
        {
            var run = new ToyRun(folder.Copy(interrupted.Folder, "copy"));
            byte[] damaged = flip ? (byte[])whole.Clone() : whole[..i];
            if (flip)
            {
                damaged[i] ^= (byte)(1 << (i % 8));
            }

            File.WriteAllBytes(file(run.Paths), damaged);
            try
            {
                using (RunDirectory directory = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs, UnsyncedFiles.Instance))
                {
                    GlobalState state = directory.Journal.Load()!;
                    Assert.Equal(adapters[state.Round], directory.Store.Put(state.Adapter));
                    check(directory);
                }

                if (i % 50 == 0)
                {
                    Assert.Equal(expected, run.Run());
                }
            }
            catch (RunStorageException e)
            {
                Assert.Contains(run.Folder, e.Message, StringComparison.Ordinal);
                Assert.Equal(file(run.Paths), run.Paths.Journal);
            }

            Directory.Delete(run.Folder, recursive: true);
        }
    }

    private static void Flip(string path, int at)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at] ^= 4;
        File.WriteAllBytes(path, bytes);
    }
}
