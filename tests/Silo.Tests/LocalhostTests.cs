using System.Net;
using FedLLM.Silo.Localhost;
using Orleans.Storage;

namespace FedLLM.Silo.Tests;

/// <summary>The files of a cluster on one machine: what two processes write at the same time, one of them wins.</summary>
public sealed class LocalhostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-localhost-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Members_TwoChangesFromOneVersion_OneIsRefused()
    {
        FolderMembershipTable first = Members();
        FolderMembershipTable second = Members();
        TableVersion version = (await first.ReadAll()).Version;
        Assert.True(await first.InsertRow(Silo(1), version.Next()));
        Assert.False(await second.InsertRow(Silo(2), version.Next()));
        Assert.True(await second.InsertRow(Silo(2), (await second.ReadAll()).Version.Next()));
        Assert.False(await second.InsertRow(Silo(2), (await second.ReadAll()).Version.Next()));

        MembershipTableData read = await first.ReadRow(Silo(1).SiloAddress);
        (MembershipEntry entry, string etag) = Assert.Single(read.Members);
        entry.Status = SiloStatus.Dead;
        entry.AddSuspector(Silo(2).SiloAddress, DateTime.UnixEpoch);
        Assert.True(await first.UpdateRow(entry, etag, read.Version.Next()));
        Assert.False(await second.UpdateRow(entry, etag, (await second.ReadAll()).Version.Next()));
        MembershipEntry stored = (await second.ReadRow(entry.SiloAddress)).Members[0].Item1;
        Assert.Equal((SiloStatus.Dead, "silo 1", 30_001), (stored.Status, stored.SiloName, stored.ProxyPort));
        Assert.Equal(Tuple.Create(Silo(2).SiloAddress, DateTime.UnixEpoch), Assert.Single(stored.SuspectTimes!));
        Assert.Equal(2, (await second.ReadAll()).Members.Count);
    }

    [Fact]
    public async Task Members_ManyAtOnce_AreAllThereAtLast()
    {
        await Task.WhenAll(Enumerable.Range(1, 8).Select(async port =>
        {
            FolderMembershipTable own = Members();
            while (!await own.InsertRow(Silo(port), (await own.ReadAll()).Version.Next()))
            {
            }
        }));
        MembershipTableData all = await Members().ReadAll();
        Assert.Equal((8, 8), (all.Members.Count, all.Version.Version));
    }

    [Fact]
    public async Task Reminders_ByArcOfTheRing_AreFoundOnOneSideOfEachCut()
    {
        var table = new FolderReminderTable(_folder, TimeProvider.System);
        GrainId[] grains = [.. Enumerable.Range(0, 20).Select(i => GrainId.Create("run", $"run-{i}"))];
        foreach (GrainId grain in grains)
        {
            await table.UpsertRow(new ReminderEntry { GrainId = grain, ReminderName = "wake", StartAt = DateTime.UnixEpoch, Period = TimeSpan.FromSeconds(30) });
        }

        foreach (GrainId cut in grains)
        {
            uint at = cut.GetUniformHashCode();
            int below = (await table.ReadRows(0, at)).Reminders.Count;
            int above = (await table.ReadRows(at, 0)).Reminders.Count;
            Assert.Equal(20, below + above);
            Assert.Contains((await table.ReadRows(at - 1, at)).Reminders, r => r.GrainId == cut);
        }

        ReminderEntry one = (await table.ReadRow(grains[3], "wake"))!;
        string renewed = (await table.UpsertRow(one))!;
        Assert.False(await table.RemoveRow(grains[3], "wake", one.ETag!));
        Assert.True(await table.RemoveRow(grains[3], "wake", renewed));
        Assert.Null(await table.ReadRow(grains[3], "wake"));
        Assert.Equal(19, (await table.ReadRows(7, 7)).Reminders.Count);
    }

    [Fact]
    public async Task GrainStorage_TwoActivations_TheSecondWriteIsRefusedUntilItHasRead()
    {
        FolderGrainStorage storage = new(_folder, new PlainText(), TimeProvider.System);
        GrainId grain = GrainId.Create("run", "a/b");
        var first = new GrainState<Note> { State = new Note { Text = "1" } };
        var second = new GrainState<Note> { State = new Note { Text = "2" } };
        await storage.WriteStateAsync("state", grain, first);
        InconsistentStateException refused = await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("state", grain, second));
        Assert.Equal((first.ETag, null), (refused.StoredEtag, refused.CurrentEtag));
        await storage.ReadStateAsync("state", grain, second);
        Assert.Equal(("1", true), (second.State.Text, second.RecordExists));
        second.State.Text = "3";
        await storage.WriteStateAsync("state", grain, second);
        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.ClearStateAsync("state", grain, first));
        await storage.ClearStateAsync("state", grain, second);

        // A cleared state still counts its changes: what was written before it does not fit again.
        await storage.ReadStateAsync("state", grain, first);
        Assert.Equal((false, second.ETag), (first.RecordExists, first.ETag));
    }

    private FolderMembershipTable Members() => new(_folder, TimeProvider.System);

    private static MembershipEntry Silo(int number) => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11_000 + number), 1),
        Status = SiloStatus.Active,
        SiloName = $"silo {number}",
        HostName = "here",
        ProxyPort = 30_000 + number,
        StartTime = DateTime.UnixEpoch,
        IAmAliveTime = DateTime.UnixEpoch,
    };

    private sealed class Note
    {
        public string Text { get; set; } = "";
    }

    private sealed class PlainText : IGrainStorageSerializer
    {
        public BinaryData Serialize<T>(T? input) => new(((Note)(object)input!).Text);

        public T Deserialize<T>(BinaryData input) => (T)(object)new Note { Text = input.ToString() };
    }
}
