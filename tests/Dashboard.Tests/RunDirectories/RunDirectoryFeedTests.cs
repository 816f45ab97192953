using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.RunDirectories;

public sealed class RunDirectoryFeedTests
{
    [Fact]
    public void Runs_FolderOfRuns_FindsThemAndLaterOnes()
    {
        using var first = new RunFiles("first");
        RunDirectoryFeed feed = new FakeHost().Feed(first.Folder);
        Assert.Equal(["first"], feed.Runs().Select(r => r.Id));
        long version = feed.Version;

        using var second = new RunFiles("second");
        Directory.Move(second.Root, Path.Combine(first.Folder, "second"));

        Assert.Equal(["first", "second"], feed.Runs().Select(r => r.Id));
        Assert.True(feed.Version > version);
    }

    [Fact]
    public async Task Find_AfterAnAction_IsTheRunAsItStandsThen()
    {
        // Otherwise it would not look again within this test.
        using var run = new RunFiles();
        var host = new FakeHost { Working = true, Control = new FakeControl() };
        var feed = new RunDirectoryFeed([run.Root], host, TimeProvider.System) { Interval = TimeSpan.FromDays(1) };
        Assert.Equal(RunState.Running, feed.Find("run")!.State);
        await feed.ControlOf("run")!.PauseAsync(default);
        Assert.Equal(RunState.Paused, feed.Find("run")!.State);
        await feed.ControlOf("run")!.ResumeAsync(default);
        Assert.Equal(RunState.Running, feed.Find("run")!.State);
        host.State = new HostedState(RunState.Cancelled);
        Assert.Equal(RunState.Running, feed.Find("run")!.State);
        await feed.ControlOf("run")!.CancelAsync(default);
        Assert.Equal(RunState.Cancelled, feed.Find("run")!.State);
    }

    [Fact]
    public void Version_ClusterLookedAtAnew_Grows()
    {
        using var run = new RunFiles();
        var host = new FakeHost();
        RunDirectoryFeed feed = host.Feed(run.Root);
        long before = feed.Version;
        host.Cluster = ClusterTwin.Silos(waiting: 0);
        long after = feed.Version;
        Assert.True(after > before);
        Assert.Equal(after, feed.Version);
    }

    [Fact]
    public void Runs_SameFolderNames_HaveIdsOfTheirOwnInEveryProcess()
    {
        using var one = new RunFiles("same");
        using var other = new RunFiles("same");
        string[] ids = [.. new FakeHost().Feed(one.Root, other.Root).Runs().Select(r => r.Id)];
        Assert.Equal(2, ids.Distinct().Count());
        Assert.Equal(ids, new FakeHost().Feed(one.Root, other.Root).Runs().Select(r => r.Id));
    }

    [Fact]
    public void Find_LinesAppended_AreReadAndTornTailWaits()
    {
        using var run = new RunFiles();
        RunDirectoryFeed feed = new FakeHost { Working = true }.Feed(run.Root);
        run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3));
        Assert.Equal([0, 1], feed.Find("run")!.Rounds.Select(r => r.Round));

        string next = RunFiles.Line(2, 2, 2.5);
        run.Append(next[..^10]);
        Assert.Equal(1, feed.Find("run")!.Done);
        Assert.Empty(feed.Find("run")!.Problems);

        run.Append(next[^10..]);
        RunView view = feed.Find("run")!;
        Assert.Equal(2, view.Done);
        Assert.Equal(2.5, view.RoundOf(2)!.Evaluated("loss"));
        Assert.Equal(RunState.Running, view.State);
    }

    [Fact]
    public void Find_EarlierView_StaysAsItWas()
    {
        using var run = new RunFiles();
        RunDirectoryFeed feed = new FakeHost().Feed(run.Root);
        run.Append(RunFiles.Line(1, 3));
        RunView before = feed.Find("run")!;
        run.Append(RunFiles.Line(2, 2));
        Assert.Equal(2, feed.Find("run")!.Done);
        Assert.Equal(1, before.Done);
    }

    [Fact]
    public void Find_TrimmedAndLongerThanBefore_IsReadAnew()
    {
        using var run = new RunFiles();
        RunDirectoryFeed feed = new FakeHost().Feed(run.Root);
        run.Append(RunFiles.Line(1, 3), RunFiles.Line(2, 2), RunFiles.Line(3, 1));
        Assert.Equal(1, feed.Find("run")!.RoundOf(3)!.TrainLoss);

        // What a resumed run does: the committed rounds are written anew and others follow, so that the file is longer than it was.
        File.WriteAllText(run["rounds.jsonl"], RunFiles.Line(1, 3));
        run.Append(RunFiles.Line(2, 2.25), RunFiles.Line(3, 1.25), RunFiles.Line(4, 1.125));

        RunView view = feed.Find("run")!;
        Assert.Equal([3, 2.25, 1.25, 1.125], view.Rounds.Select(r => r.TrainLoss!.Value));
        Assert.Empty(view.Problems);
        Assert.Equal(RunState.Finished, view.State);
    }

    [Fact]
    public void Find_TrimmedOnly_ForgetsTheRounds()
    {
        using var run = new RunFiles();
        RunDirectoryFeed feed = new FakeHost().Feed(run.Root);
        run.Append(RunFiles.Line(1, 3), RunFiles.Line(2, 2));
        Assert.Equal(2, feed.Find("run")!.Done);
        File.WriteAllText(run["rounds.jsonl"], RunFiles.Line(1, 3));
        Assert.Equal(1, feed.Find("run")!.Done);
        File.Delete(run["rounds.jsonl"]);
        Assert.Empty(feed.Find("run")!.Rounds);
    }

    [Fact]
    public void Find_LineThatIsNoRecord_IsCountedAndTheOthersShown()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3), "{\"round\":\n", RunFiles.Line(2, 2));
        RunView view = new FakeHost().Feed(run.Root).Find("run")!;
        Assert.Equal([1, 2], view.Rounds.Select(r => r.Round));
        Assert.Contains("rounds.jsonl: 1 line", Assert.Single(view.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_KeysOfOtherVersions_AreLeftAloneOrAbsent()
    {
        using var run = new RunFiles();
        run.Append("{\"round\":1,\"adapter\":\"x\",\"something\":{\"new\":[1]}}\n");
        RoundRow row = Assert.Single(new FakeHost().Feed(run.Root).Find("run")!.Rounds);
        Assert.Null(row.TrainLoss);
        Assert.Empty(row.Clients);
    }

    [Fact]
    public void Find_DamagedExperiment_IsAProblemAndTheRoundsAreShown()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3));
        File.WriteAllText(run["experiment.yaml"], "name: [");
        RunView view = new FakeHost().Feed(run.Root).Find("run")!;
        Assert.Equal(1, view.Done);
        Assert.Contains("experiment.yaml", Assert.Single(view.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_JournalOfARound_CountsClientsThatAreDone()
    {
        using var run = new RunFiles();
        RunDirectoryFeed feed = new FakeHost { Working = true }.Feed(run.Root);
        run.Append(RunFiles.Line(1, 3));
        File.WriteAllText(run["journal.jsonl"], Journal("""{"run":{"identity":"a"}}""") + Receipt(1, 0) + Receipt(1, 1) + Receipt(2, 1));
        Assert.Equal(new RoundProgress(2, 1, 2), feed.Find("run")!.Progress);

        File.AppendAllText(run["journal.jsonl"], Receipt(2, 1) + Receipt(2, 0)[..40]);
        Assert.Equal(1, feed.Find("run")!.Progress!.Finished);
        File.AppendAllText(run["journal.jsonl"], Receipt(2, 0)[40..]);
        Assert.Equal(2, feed.Find("run")!.Progress!.Finished);
    }

    [Fact]
    public void Find_JournalOfManyMegabytes_IsReadInPartsAndRoundsDoNotWait()
    {
        using RunFiles run = new RunFiles().Append(RunFiles.Line(1, 3));
        string old = Journal($$"""{"note":"{{new string('x', 1 << 20)}}"}""");
        File.WriteAllText(run["journal.jsonl"], string.Concat(Enumerable.Repeat(old, 12)) + Receipt(2, 4) + Receipt(2, 5));
        RunDirectoryFeed feed = new FakeHost { Working = true }.Feed(run.Root);
        RunView first = feed.Find("run")!;
        Assert.Equal((1, 0), (first.Done, first.Progress!.Finished));
        RunView second = feed.Find("run")!;
        Assert.Equal((2, 2), (second.Progress!.Round, second.Progress.Finished));
        Assert.Same(second, feed.Find("run"));
    }

    [Fact]
    public void Find_JournalOfAResumption_IsAnEvent()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3));
        File.WriteAllText(run["journal.jsonl"], Journal("""{"resume":{"round":1,"changed":["training.threads"]}}"""));
        RunEvent happened = Assert.Single(new FakeHost().Feed(run.Root).Find("run")!.Events);
        Assert.Equal((1, "resumed"), (happened.Round, happened.Kind));
        Assert.Contains("training.threads", happened.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pinned", false)]
    [InlineData("shared", true)]
    [InlineData(null, true)]
    public void Permissions_OfDataPinnedToItsOwners_AreNone(string? placement, bool expected)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        if (placement is not null)
        {
            settings["data.placement"] = placement;
        }

        Assert.Equal(new RunPermissions(expected, expected), RunPermissions.Of(settings));
    }

    [Theory]
    [InlineData("true", "false", false, true)]
    [InlineData("false", "true", true, false)]
    [InlineData("yes", "1", false, false)]
    public void Permissions_OfPinnedDataOptedIn_AreWhatTheKeysSay(string labels, string samples, bool showsSamples, bool showsLabels)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["data.placement"] = "pinned",
            ["data.show_labels"] = labels,
            ["data.show_samples"] = samples,
        };
        Assert.Equal(new RunPermissions(showsSamples, showsLabels), RunPermissions.Of(settings));
    }

    [Fact]
    public void Find_LabelsNotPermitted_AreNotInTheView()
    {
        using var run = new RunFiles();
        run.Describe(("a", [("secret", 3)]));
        var host = new FakeHost { Permissions = new RunPermissions(Samples: false, Labels: false) };
        Assert.Empty(host.Feed(run.Root).Find("run")!.Clients.Single().Labels);
        host.Permissions = new RunPermissions(Samples: false, Labels: true);
        Assert.Equal(3, host.Feed(run.Root).Find("run")!.Clients.Single().Labels["secret"]);
    }

    [Fact]
    public void OpenAdapter_StoredAndNewest_AreThoseBytes()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3)).Adapter(RunFiles.Hash(1), [1, 2, 3]);
        RunDirectoryFeed feed = new FakeHost().Feed(run.Root);
        foreach (string? hash in (string?[])[null, RunFiles.Hash(1)])
        {
            using AdapterFiles adapter = feed.OpenAdapter("run", hash)!;
            var bytes = new MemoryStream();
            adapter.Weights.CopyTo(bytes);
            Assert.Equal([1, 2, 3], bytes.ToArray());
        }

        Assert.Null(feed.OpenAdapter("run", RunFiles.Hash(2)));
        string newest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData((byte[])[1, 2, 3]));
        feed.OpenAdapter("run", newest)!.Dispose(); // not stored, but the newest has these bytes
        Assert.Null(feed.OpenAdapter("run", "../../adapter/adapter_model"));
        Assert.Null(feed.OpenAdapter("other", null));
    }

    [SkippableFact]
    public void OpenAdapter_LinkOutOfTheDirectory_IsNotFollowed()
    {
        Skip.If(OperatingSystem.IsWindows(), "Links need an administrator on Windows.");
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3)).Adapter(RunFiles.Hash(1), [1]);
        string outside = Path.Combine(run.Folder, "outside");
        File.WriteAllText(outside, "not yours");
        File.Delete(run["adapter/adapter_model.safetensors"]);
        File.CreateSymbolicLink(run["adapter/adapter_model.safetensors"], outside);
        Assert.Null(new FakeHost().Feed(run.Root).OpenAdapter("run", null));

        Directory.Move(run["adapter"], Path.Combine(run.Folder, "elsewhere"));
        Directory.CreateSymbolicLink(run["adapter"], Path.Combine(run.Folder, "elsewhere"));
        Assert.Null(new FakeHost().Feed(run.Root).OpenAdapter("run", null));
    }

    [Fact]
    public void Feed_Reading_LeavesTheDirectoryAsItWas()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 3)).Adapter(RunFiles.Hash(1), [1]);
        (string, DateTime)[] before = Entries();
        RunDirectoryFeed feed = new FakeHost().Feed(run.Folder);
        feed.Runs();
        feed.OpenAdapter("run", null)!.Dispose();

        // Whoever writes the run still can, and alone.
        using (new FileStream(run["rounds.jsonl"], FileMode.Append, FileAccess.Write, FileShare.Read))
        {
            Assert.Equal(1, feed.Find("run")!.Done);
        }

        Assert.Equal(before, Entries());

        (string, DateTime)[] Entries() =>
            [.. Directory.EnumerateFileSystemEntries(run.Root, "*", SearchOption.AllDirectories).Order().Select(e => (e, File.GetLastWriteTimeUtc(e)))];
    }

    private static string Journal(string entry) => $"{{\"check\":\"{new string('0', 32)}\",\"entry\":{entry}}}\n";

    private static string Receipt(int round, int client) =>
        Journal($$$"""{"receipt":{"round":{{{round}}},"state":"s","client":{{{client}}},"update":"u","weight":1}}""");
}
