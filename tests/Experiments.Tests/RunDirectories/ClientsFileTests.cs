using System.Collections;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Tests.RunDirectories;

public sealed class ClientsFileTests
{
    private static readonly SampleTally Tally = new(
        9, 6, new Dictionary<ExclusionReason, int> { [ExclusionReason.Overlong] = 1, [ExclusionReason.EmptyResponse] = 2 }, 500, 120, 90,
        new SortedDictionary<string, int>(StringComparer.Ordinal) { ["arithmetic"] = 2, ["poésie"] = 4 })
    {
        Truncated = new Dictionary<Truncation, int> { [Truncation.Prompt] = 3, [Truncation.Answer] = 1 },
    };

    [Fact]
    public void Write_Clients_AreListedWithTheirCountsInOrdinalOrder()
    {
        using var folder = new TemporaryFolder();
        string path = folder["clients.json"];
        SampleTally heldOut = Tally with { Records = 3, Usable = 2, Excluded = new Dictionary<ExclusionReason, int> { [ExclusionReason.NoPrompt] = 1 }, Tokens = 70, ScoredTokens = 9 };
        ClientsFile.Write(DiskFiles.Instance, path, [new ShardReport(0, "a\"b", Tally), new ShardReport(1, "c", Tally) { HeldOut = heldOut }]);

        const string Counts = "\"records\":9,\"usable\":6,\"excluded\":{\"empty_response\":2,\"overlong\":1},\"truncated\":{\"answer\":1,\"prompt\":3},"
            + "\"tokens\":500,\"scored_tokens\":120,\"longest\":90,\"labels\":{\"arithmetic\":2,\"poésie\":4}";
        const string HeldOut = "\"held_out\":{\"records\":3,\"usable\":2,\"excluded\":{\"no_prompt\":1},\"tokens\":70,\"scored_tokens\":9}";
        Assert.Equal(
            $"[\n{{\"id\":0,\"name\":\"a\\\"b\",{Counts}}},\n{{\"id\":1,\"name\":\"c\",{Counts},{HeldOut}}}\n]\n", File.ReadAllText(path));
        Assert.True(ClientsFile.IsWhole(File.ReadAllBytes(path)));
    }

    [Fact]
    public void Write_FileHoldsTheSame_LeavesItAlone()
    {
        using var folder = new TemporaryFolder();
        string path = folder["clients.json"];
        ClientsFile.Write(DiskFiles.Instance, path, new ManyReports(2_000));
        var old = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(path, old);

        ClientsFile.Write(DiskFiles.Instance, path, new ManyReports(2_000));
        Assert.Equal(old, File.GetLastWriteTimeUtc(path));

        ClientsFile.Write(DiskFiles.Instance, path, new ManyReports(2_001));
        Assert.NotEqual(old, File.GetLastWriteTimeUtc(path));
    }

    [Fact]
    public void Write_ManyClients_LeavesLittleBehindOfEach()
    {
        using var folder = new TemporaryFolder();
        long few = Allocated(folder["few.json"], 10_000);
        long many = Allocated(folder["many.json"], 60_000);

        // Of the report and the enumeration of its labels.
        Assert.InRange(many - few, 0, 50_000 * 200);
    }

    private static long Allocated(string path, int clients)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        ClientsFile.Write(DiskFiles.Instance, path, new ManyReports(clients));
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private sealed class ManyReports(int count) : IReadOnlyList<ShardReport>
    {
        public int Count => count;

        public ShardReport this[int index] => new(index, "client", Tally);

        public IEnumerator<ShardReport> GetEnumerator() => Enumerable.Range(0, count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
