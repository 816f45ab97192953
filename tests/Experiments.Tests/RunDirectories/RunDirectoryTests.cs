using System.Diagnostics;
using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.RunDirectories;

public sealed class RunDirectoryTests
{
    [Fact]
    public void Run_ToTheEnd_LeavesTheDesignsLayout()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);

        string hash = run.Run(DiskFiles.Instance);

        Assert.Equal(
            ["adapter", "checkpoints", "experiment.yaml", "journal.jsonl", "lock", "rounds.jsonl", "store"],
            Directory.GetFileSystemEntries(run.Folder).Select(Path.GetFileName).Order());
        Assert.Equal(
            ["round-000002.json", "round-000003.json", "round-000004.json"],
            Directory.GetFiles(run.Paths.Checkpoints).Select(Path.GetFileName).Order());
        Assert.Equal(hash, DiskFiles.Instance.HashOf(run.Paths.AdapterWeights));
        Assert.Equal(ResolvedYaml.Write(run.Experiment), File.ReadAllText(run.Paths.Experiment));

        // What the three checkpoints need, and nothing else: an adapter and a momentum each.
        Assert.Equal(6, Directory.GetFiles(run.Paths.Store, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Run_KeepUpdates_LeavesEveryMembersUpdateInTheStore()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"], "checkpoint.keep_updates=true");

        run.Run();

        Assert.Equal(6 + run.Trained, Directory.GetFiles(run.Paths.Store, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Run_RoundsJsonl_HasTheDesignsKeys()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        run.Run();
        JsonElement[] lines = [.. File.ReadAllLines(run.Paths.Rounds).Select(l => JsonDocument.Parse(l).RootElement)];

        Assert.Equal([0, 1, 2, 3, 4], lines.Select(l => l.GetProperty("round").GetInt32()));
        Assert.All(lines, l => Assert.Equal(
            ["round", "cohort", "clients", "train_loss", "rewards", "evaluation", "client_evaluation", "learning_rate", "bytes_down", "bytes_up", "seconds", "excluded", "abandoned",
                "simulated_seconds", "adapter", "base_correction", "ended"],
            l.EnumerateObject().Select(p => p.Name)));
        Assert.Equal(["id", "loss", "tokens", "seconds", "weight", "rewards", "bytes_down", "bytes_up", "norm", "cosine"], lines[1].GetProperty("clients")[0].EnumerateObject().Select(p => p.Name));
        JsonElement exclusion = lines.SelectMany(l => l.GetProperty("excluded").EnumerateArray()).First();
        Assert.Equal(["bytes_down", "client", "reason"], exclusion.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(JsonValueKind.Number, lines[0].GetProperty("evaluation").GetProperty("loss").ValueKind);
        Assert.Equal(JsonValueKind.Null, lines[1].GetProperty("evaluation").ValueKind);
    }

    [Fact]
    public void ToBytes_NumbersThatAreNotFinite_BecomeNull()
    {
        var record = new RoundRecord { Round = 1, Adapter = "x", TrainLoss = double.NaN, Clients = [new ClientRecord(0, double.PositiveInfinity, 1, 1, 1)] };

        JsonElement line = JsonDocument.Parse(RoundLines.ToBytes(record)).RootElement;

        Assert.Equal(JsonValueKind.Null, line.GetProperty("train_loss").ValueKind);
        Assert.Equal(JsonValueKind.Null, line.GetProperty("clients")[0].GetProperty("loss").ValueKind);
    }

    [Fact]
    public void Open_FinishedRun_HasItsStateAndTrainsNobody()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        string hash = run.Run();
        int trained = run.Trained;

        Assert.Equal(hash, run.Run());
        Assert.Equal(trained, run.Trained);
    }

    [Fact]
    public void Open_DifferentExperiment_NamesWhatDiffers()
    {
        using var folder = new TemporaryFolder();
        new ToyRun(folder["run"]).Run(lastRound: 1);
        Experiment other = new ToyRun(folder["run"], "lora.rank=4", "seed=1", "training.threads=2").Experiment;

        var failure = Assert.Throws<InputFileException>(() => RunDirectory.Open(folder["run"], other, ToyRun.Inputs with { Data = "other" }));

        Assert.Contains("what differs: seed, lora.rank, data (content).", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_HarmlessChange_ResumesAndJournalsIt()
    {
        using var folder = new TemporaryFolder();
        string expected = new ToyRun(folder.Make("undisturbed")).Run();
        new ToyRun(folder["run"]).Run(lastRound: 2);

        var changed = new ToyRun(folder["run"], "training.threads=2", "checkpoint.every=2");
        Assert.Equal(expected, changed.Run());

        Assert.Contains("\"changed\":[\"training.threads\",\"checkpoint.every\"]", File.ReadAllText(changed.Paths.Journal), StringComparison.Ordinal);
        Assert.Contains("threads: 2\n", File.ReadAllText(changed.Paths.Experiment), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MoreOrFewerRounds_CarriesOnOrIsRefused()
    {
        using var folder = new TemporaryFolder();
        string[] constant = ["training.schedule=constant"];
        new ToyRun(folder["run"], [.. constant, "federation.rounds=3"]).Run();
        string expected = new ToyRun(folder.Make("undisturbed"), [.. constant, "federation.rounds=5"]).Run();

        var fewer = new ToyRun(folder["run"], [.. constant, "federation.rounds=2"]);
        var failure = Assert.Throws<InputFileException>(() => fewer.Run());
        Assert.Contains("holds 3 rounds of this run, which federation.rounds: 2 does not have", failure.Message, StringComparison.Ordinal);

        var more = new ToyRun(folder["run"], [.. constant, "federation.rounds=5"]);
        Assert.Equal(expected, more.Run());
        Assert.Contains("\"changed\":[\"federation.rounds\"]", File.ReadAllText(more.Paths.Journal), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FolderOfSomethingElse_IsRefusedAndLeftAlone()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["thesis.tex"], "x");

        var failure = Assert.Throws<InputFileException>(() => RunDirectory.Open(folder.Root, new ToyRun(folder.Root).Experiment, ToyRun.Inputs));

        Assert.Contains("belong to no run", failure.Message, StringComparison.Ordinal);
        Assert.Equal([folder["thesis.tex"]], Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void Open_PathThatCannotBeMade_IsNamedAndNothingIsLeft()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["file"], "x");

        var failure = Assert.Throws<RunStorageException>(() => RunDirectory.Open(folder["file/run"], new ToyRun(folder.Root).Experiment, ToyRun.Inputs));

        Assert.StartsWith($"{folder["file/run"]}: cannot be made or written", failure.Message, StringComparison.Ordinal);
        Assert.Equal([folder["file"]], Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void Open_FailureWhileBeginning_RemovesTheNewFolder()
    {
        using var folder = new TemporaryFolder();
        for (int at = 1; at < 30; at++)
        {
            var files = new FaultyFiles(Fault.Refuse, at);
            try
            {
                RunDirectory.Open(folder["new/run"], new ToyRun(folder.Root).Experiment, ToyRun.Inputs, files).Dispose();
                Directory.Delete(folder["new"], recursive: true);
            }
            catch (RunStorageException)
            {
                Assert.False(Directory.Exists(folder["new"]), $"operation {at}");
            }
        }
    }

    [Fact]
    public void Open_HeldInThisProcess_IsRefusedNamingIt()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        using RunDirectory first = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs);

        var failure = Assert.Throws<InputFileException>(() => RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs));

        Assert.Contains($"another run is using it: process {Environment.ProcessId} on {Environment.MachineName}", failure.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Open_NamedProcessLivesThenDies_IsRefusedThenAllowed()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The child process is a Unix one.");
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder.Make("run"));
        using Process child = Process.Start("sleep", "60");
        string stat = File.ReadAllText($"/proc/{child.Id}/stat");
        var holder = new LockHolder(child.Id, Environment.MachineName, "then", stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19]);
        File.WriteAllBytes(run.Paths.Holder, holder.ToBytes());

        var failure = Assert.Throws<InputFileException>(() => RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs));
        Assert.Contains($"process {child.Id} on", failure.Message, StringComparison.Ordinal);

        child.Kill();
        child.WaitForExit();
        RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs).Dispose();
    }

    [Fact]
    public void Open_LockOfALaterProcessWithTheSameId_IsNoObstacle()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder.Make("run"));
        File.WriteAllBytes(run.Paths.Holder, new LockHolder(1, Environment.MachineName, "then", "no such start").ToBytes());

        RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs).Dispose();
    }

    [Fact]
    public void Read_StatusBeforeDuringAndAfter_SaysHowFarItIs()
    {
        using var folder = new TemporaryFolder();
        var run = new ToyRun(folder["run"]);
        run.Run(lastRound: 2);
        RunStatus unfinished = RunStatus.Read(run.Folder);
        RunStatus running;
        using (RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            running = RunStatus.Read(run.Folder);
        }

        string hash = run.Run();
        RunStatus finished = RunStatus.Read(run.Folder);

        Assert.Equal((RunState.Unfinished, 2, 4, null), (unfinished.State, unfinished.Round, unfinished.Rounds, unfinished.Holder));
        Assert.Equal((RunState.Running, 2, Environment.ProcessId), (running.State, running.Round, running.Holder?.ProcessId));
        Assert.Equal((RunState.Finished, 4, hash, "toy"), (finished.State, finished.Round, finished.Adapter, finished.Name));
        RoundRecord[] lines = [.. RoundLines.Read(run.Paths.Rounds)];
        Assert.Equal(lines[^1].TrainLoss, finished.TrainLoss);
        Assert.Equal(lines[^1].Evaluation!["loss"], finished.LastEvaluation!["loss"]);
        Assert.Equal(lines.Where(l => l.Evaluation is not null).Min(l => l.Evaluation!["loss"]), finished.BestLoss!.Value.Loss);
    }

    [Fact]
    public void Read_StatusOfNoRun_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("holds no run", Assert.Throws<RunStorageException>(() => RunStatus.Read(folder.Root)).Message, StringComparison.Ordinal);
    }
}
