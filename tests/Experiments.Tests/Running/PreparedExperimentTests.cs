using FedLLM.Engine.Files;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Tests.Running;

public sealed class PreparedExperimentTests
{
    private const int Samples = 1910; // demo/data/README.md

    [Theory]
    [InlineData("files", "auto", 20)]
    [InlineData("iid", "7", 7)]
    [InlineData("dirichlet", "5", 5)]
    [InlineData("shards", "6", 6)]
    [InlineData("by-field", "auto", 12)]
    [InlineData("quantity", "9", 9)]
    public void Prepare_EveryScheme_LosesNoSample(string scheme, string clients, int expected)
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment($"data.partition.scheme={scheme}", $"data.partition.clients={clients}"));
        Assert.Equal(expected, prepared.Shards.Clients);
        Assert.Equal(Samples, prepared.Reports.Sum(r => r.Tally.Usable));
        Assert.Equal(Samples, Enumerable.Range(0, expected).Sum(c => Sequences(prepared).Source.Load(c).Samples.Count));
        Assert.Equal(240, Sequences(prepared).HeldOut!.Samples.Count);
    }

    [Fact]
    public void Prepare_OtherNumberOfFiles_IsRefused()
    {
        InputFileException refused = Assert.Throws<InputFileException>(() => PreparedExperiment.Prepare(DemoAssets.Experiment("data.partition.clients=21")));
        Assert.Contains("20", refused.Message, StringComparison.Ordinal);
        Assert.Contains("21", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("files", "20")]
    [InlineData("by-field", "12")]
    public void Prepare_RankOfAClientThatDoesNotExist_IsRefused(string scheme, string clients)
    {
        InputFileException refused = Assert.Throws<InputFileException>(() => PreparedExperiment.Prepare(DemoAssets.Experiment(
            $"data.partition.scheme={scheme}", "federation.lora_aggregation=flora", "lora.rank_by_client={0: 2, 20: 2, 31: 4}")));
        Assert.Contains($"holds {clients} shards, but lora.rank_by_client names client 20, 31", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_SeveralThingsThatTheShardsRuleOut_AreNamedAtOnce()
    {
        InputFileException refused = Assert.Throws<InputFileException>(() => PreparedExperiment.Prepare(DemoAssets.Experiment(
            "federation.lora_aggregation=hetlora", "federation.clients_per_round=21", "lora.rank_by_client={22: 2}")));
        Assert.Contains(
            "holds 20 shards, but federation.clients_per_round is 21 and lora.rank_by_client names client 22", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_LongerThanTheModel_IsRefused()
    {
        InputFileException refused = Assert.Throws<InputFileException>(() => PreparedExperiment.Prepare(DemoAssets.Experiment("data.max_length=257")));
        Assert.Contains("256", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_TwiceTheSame_HasTheSameInputs() => Assert.Equal(
        PreparedExperiment.Prepare(DemoAssets.Experiment()).Inputs, PreparedExperiment.Prepare(DemoAssets.Experiment("seed=2")).Inputs);

    private static SequenceData Sequences(PreparedExperiment prepared) => Assert.IsType<SequenceData>(prepared.Data);
}
