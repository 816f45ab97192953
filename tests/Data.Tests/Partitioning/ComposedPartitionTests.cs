using FedLLM.Data.Examples;
using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class ComposedPartitionTests
{
    [Fact]
    public void Joined_Clients_FollowSourceAfterSource()
    {
        var joined = new JoinedPartition([("a", Rows("a", 2)), ("b", Rows("b", 1)), ("c", Rows("c", 3))]);
        Assert.Equal((6, 6), (joined.Clients, ((IPartition)joined).Parts));
        Assert.Equal(["a/client_0", "a/client_1", "b/client_0", "c/client_0", "c/client_1", "c/client_2"], Enumerable.Range(0, 6).Select(joined.Name));
        Assert.Equal(["a", "a", "b", "c", "c", "c"], Enumerable.Range(0, 6).Select(joined.Origin));
        Assert.Equal(["a0", "a1", "b0", "c0", "c1", "c2"], Enumerable.Range(0, 6).SelectMany(joined.Read).OfType<InstructionExample>().Select(e => e.Instruction));
        Assert.Throws<ArgumentOutOfRangeException>(() => joined.Name(6));
        Assert.Throws<ArgumentOutOfRangeException>(() => joined.Name(-1));
    }

    [Fact]
    public void Shared_Clients_HoldThePartsInTurn()
    {
        var shared = new SharedPartition(Rows("a", 2), 5, "d");
        Assert.Equal((5, 2), (shared.Clients, shared.Parts));
        Assert.Equal([0, 1, 0, 1, 0], Enumerable.Range(0, 5).Select(shared.Part));
        Assert.Equal(["client_0", "client_1", "client_0+1", "client_1+1", "client_0+2"], Enumerable.Range(0, 5).Select(shared.Name));
        Assert.Equal(["a0", "a1", "a0", "a1", "a0"], Enumerable.Range(0, 5).SelectMany(shared.Read).OfType<InstructionExample>().Select(e => e.Instruction));
    }

    [Fact]
    public void Shared_FewerClientsThanParts_IsRefused()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => new SharedPartition(Rows("a", 3), 2, "d.json"));
        Assert.StartsWith("d.json: holds 3 shards, but data.partition.registered is 2", e.Message, StringComparison.Ordinal);
    }

    private static RowPartition Rows(string name, int clients) => new(
        name, [.. Enumerable.Range(0, clients).Select(i => new InstructionExample($"{name}{i}", "R", null, default))], [.. Enumerable.Range(0, clients).Select(i => new[] { i })]);
}
