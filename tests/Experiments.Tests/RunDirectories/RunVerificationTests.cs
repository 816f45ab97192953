using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.RunDirectories;

public sealed class RunVerificationTests
{
    [Theory]
    [InlineData("momentum", 4)]
    [InlineData("fedsa", 4)]
    [InlineData("flora", 4)]
    [InlineData("scaffold", 2, "checkpoint.every=3")]
    public void Of_WholeRun_FindsNoDamageAndSaysWhatMadeEachAdapter(string method, int lastRound, params string[] overrides)
    {
        using var folder = new TemporaryFolder();
        var run = ToyRun.Of(method, folder["run"], overrides);
        run.Run(lastRound: lastRound);
        string before = Snapshot(run.Folder);

        RunVerification found = RunVerification.Of(run.Folder);

        Assert.Empty(found.Damage);
        Assert.Equal(before, Snapshot(run.Folder));
        RoundRecord[] records = [.. RoundLines.Read(run.Paths.Rounds)];
        Assert.Equal(records.Select(r => (r.Round, r.Adapter, r.BaseCorrection)), found.Lineage.Select(r => (r.Round, r.Adapter, r.BaseCorrection)));
        Assert.All(records.Zip(found.Lineage), p => Assert.Equal(p.First.Clients.Select(c => (c.Id, c.Weight)), p.Second.Members.Select(m => (m.Client, m.Weight))));
        Assert.Equal(method is "scaffold" or "fedsa", found.Lineage.SelectMany(r => r.Members).All(m => m.ControlDelta is not null));
        Assert.All(found.Lineage.SelectMany(r => r.Members), m => Assert.True(ContentFolder.IsHash(m.Update)));
    }

    [Theory]
    [InlineData("momentum")]
    [InlineData("fedsa")]
    [InlineData("flora")]
    public void Of_AnyFileFlippedCutOrGone_NamesIt(string method)
    {
        using var folder = new TemporaryFolder();
        var run = ToyRun.Of(method, folder["run"], "checkpoint.keep_updates=true");
        run.Run();
        foreach (string file in Directory.GetFiles(run.Folder, "*", SearchOption.AllDirectories).Where(f => f != run.Paths.Lock))
        {
            foreach (string harm in (string[])["flip", "cut", "delete"])
            {
                string copy = folder.Copy(run.Folder, "copy");
                string path = Path.Combine(copy, Path.GetRelativePath(run.Folder, file));
                byte[] bytes = File.ReadAllBytes(path);
                bytes[bytes.Length / 2] ^= 1;
                switch (harm)
                {
                    case "flip":
                        File.WriteAllBytes(path, bytes);
                        break;
                    case "cut":
                        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^2]);
                        break;
                    default:
                        File.Delete(path);
                        break;
                }

                // A kept update that is gone is no damage to the run: nothing needs it any more. Nor is an older checkpoint, which pruning takes.
                bool needless = harm == "delete" && (IsKeptUpdate(run, file) || (file != run.Paths.Manifest(4) && Path.GetDirectoryName(file) == run.Paths.Checkpoints));
                RunVerification found = RunVerification.Of(copy);
                Assert.True(needless || found.Damage.Count > 0, $"{harm} {file}");
                if (!needless)
                {
                    Assert.Contains(found.Damage, d => d.Contains(Path.GetFileName(path), StringComparison.Ordinal));
                }

                Directory.Delete(copy, recursive: true);
            }
        }
    }

    [Theory]
    [InlineData("momentum")]
    [InlineData("flora")]
    public void Of_UnfinishedRunWithTheAdapterBefore_IsWorthANoteAndAnythingElseIsDamage(string method)
    {
        using var folder = new TemporaryFolder();
        var run = ToyRun.Of(method, folder["run"]);
        run.Run(lastRound: 1);
        byte[] before = File.ReadAllBytes(run.Paths.AdapterWeights);
        run.Run(lastRound: 2);
        byte[] after = File.ReadAllBytes(run.Paths.AdapterWeights);

        File.WriteAllBytes(run.Paths.AdapterWeights, before);
        RunVerification interrupted = RunVerification.Of(run.Folder);
        Assert.Empty(interrupted.Damage);
        Assert.Contains("is not that of the newest checkpoint", Assert.Single(interrupted.Notes), StringComparison.Ordinal);

        after[^1] ^= 1;
        File.WriteAllBytes(run.Paths.AdapterWeights, after);
        Assert.Contains("adapter_model.safetensors: does not follow", Assert.Single(RunVerification.Of(run.Folder).Damage), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ReceiptsOfClientsElsewhere_AreChecked()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        run.Run(lastRound: 2);
        (FileTensorStore store, IReceiptLog receipts) = RunDirectory.OpenForClients(run.Folder);
        TensorSet update = ToyRun.Tensors(5);
        var instruction = new RoundInstruction("id", 3, "state", 0.1);
        receipts.RecordReceipt(instruction, new ClientReceipt(1, store.Put(update), 2, [1, 1], new ClientMetrics(1, 2, 3)));
        string path = run.Paths.Receipt(3, 1);
        Assert.Empty(RunVerification.Of(run.Folder).Damage);
        Assert.NotNull(receipts.FindReceipt(instruction, 1));

        byte[] whole = File.ReadAllBytes(path);
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] flipped = [.. whole];
            flipped[i] ^= 1;
            File.WriteAllBytes(path, flipped);
            Assert.Null(receipts.FindReceipt(instruction, 1));
        }

        Assert.Contains($"{path}: is damaged", Assert.Single(RunVerification.Of(run.Folder).Damage), StringComparison.Ordinal);
        File.WriteAllBytes(path, whole);
        File.Delete(store.PathOf(store.Put(update)));
        Assert.Contains($"{path} needs it", Assert.Single(RunVerification.Of(run.Folder).Damage), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ClientsFileCut_IsNamed()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        run.Run();
        var tally = new SampleTally(3, 3, new Dictionary<ExclusionReason, int>(), 30, 20, 12, new Dictionary<string, int> { ["x"] = 3 });
        using (RunDirectory directory = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            directory.WriteClients([new ShardReport(0, "a", tally), new ShardReport(1, "b", tally)]);
        }

        Assert.Empty(RunVerification.Of(run.Folder).Damage);
        File.WriteAllBytes(run.Paths.Clients, File.ReadAllBytes(run.Paths.Clients)[..^4]);
        Assert.Contains($"{run.Paths.Clients}: is damaged", Assert.Single(RunVerification.Of(run.Folder).Damage), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_ExperimentEdited_IsNamed()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        run.Run();
        File.WriteAllText(run.Paths.Experiment, File.ReadAllText(run.Paths.Experiment).Replace("rank: 8", "rank: 4", StringComparison.Ordinal));

        Assert.Contains("is not the experiment of the run", Assert.Single(RunVerification.Of(run.Folder).Damage), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_RunInUseOrNoRun_SaysSo()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        using (RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            Assert.Contains("is being worked on by process", Assert.Throws<RunStorageException>(() => RunVerification.Of(run.Folder)).Message, StringComparison.Ordinal);
        }

        Assert.Contains("holds no run", Assert.Throws<RunStorageException>(() => RunVerification.Of(folder.Root)).Message, StringComparison.Ordinal);
    }

    private static bool IsKeptUpdate(ToyRun run, string file) => RunVerification.Of(run.Folder).Lineage
        .SelectMany(r => r.Members).Any(m => file.Contains(m.Update, StringComparison.Ordinal) || (m.ControlDelta is { } c && file.Contains(c, StringComparison.Ordinal)));

    private static string Snapshot(string folder) => string.Join('\n', Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order()
        .Select(f => File.Exists(f) ? $"{f} {DiskFiles.Instance.HashOf(f)}" : f));
}
