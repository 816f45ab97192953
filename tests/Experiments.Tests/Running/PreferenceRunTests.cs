using System.Globalization;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Short federated preference runs on the demo's model.</summary>
public sealed class PreferenceRunTests : IDisposable
{
    private static readonly string LogTwo = Math.Log(2).ToString("F6", CultureInfo.InvariantCulture);
    private readonly DemoPairs _pairs = new();

    public void Dispose() => _pairs.Dispose();

    [Fact]
    public async Task Run_AnyThreadsLanesAndCheckpointing_GivesTheSameAdapterAndRewards()
    {
        var adapters = new HashSet<string>();
        var rewards = new HashSet<string>();
        foreach ((int threads, string lanes, bool checkpointing) in ((int, string, bool)[])[(1, "1", false), (1, "auto", false), (2, "3", true), (3, "2", false), (4, "auto", true)])
        {
            RunResult run = await Run($"{threads}-{lanes}", $"training.threads={threads}", $"training.lanes={lanes}", $"training.gradient_checkpointing={(checkpointing ? "true" : "false")}");
            adapters.Add(run.AdapterHash);
            rewards.Add(string.Join(';', run.Rounds.SelectMany(r => r.Clients).Select(c => $"{c.Id} {c.Loss:R} {c.Rewards}")));
            Assert.All(run.Rounds.Skip(1), r => Assert.Equal(3, r.Clients.Count));
        }

        Assert.Single(adapters);
        Assert.Single(rewards);
    }

    [Fact]
    public async Task Run_SomeRounds_LearnsToPreferTheChosenAnswers()
    {
        RunResult run = await Run("learn", "federation.rounds=6", "training.max_steps=4");
        RoundRecord first = run.Rounds[0];
        RoundRecord last = run.Rounds[^1];
        Assert.Equal(0.5, first.Evaluation!["preference_accuracy"]);
        Assert.True(last.Evaluation!["preference_accuracy"] > 0.65, $"The held-out accuracy is {last.Evaluation["preference_accuracy"]}.");
        Assert.True(last.Evaluation["preference_margin"] > 0.05);
        Assert.True(last.Rewards!.Margin > run.Rounds[1].Rewards!.Margin);
        Assert.True(last.TrainLoss < Math.Log(2));
    }

    [Theory]
    [InlineData("fedavg", "average")]
    [InlineData("fedprox", "average")]
    [InlineData("scaffold", "average")]
    [InlineData("fedavgm", "average")]
    [InlineData("fedadagrad", "average")]
    [InlineData("fedyogi", "average")]
    [InlineData("fedadam", "average")]
    [InlineData("local", "average", "federation.client=1")]
    [InlineData("centralized", "average")]
    [InlineData("fedavg", "ffa")]
    [InlineData("fedavg", "rolora")]
    [InlineData("fedavg", "flora")]
    [InlineData("fedavg", "flexlora")]
    [InlineData("fedavg", "hetlora")]
    [InlineData("fedavg", "fedex")]
    [InlineData("fedavg", "fedsa")]
    public async Task Run_EveryAlgorithmAndAggregation_TrainsOnPairsAndEvaluates(string algorithm, string aggregation, string? further = null)
    {
        RunResult run = await Run(
            "run", [$"federation.algorithm={algorithm}", $"federation.lora_aggregation={aggregation}", .. further is null ? Array.Empty<string>() : [further]]);
        Assert.Equal(3, run.Rounds.Select(r => r.Adapter).Distinct().Count()); // both rounds move it
        RoundRecord last = run.Rounds[^1];
        Assert.True(last.Evaluation!["preference_margin"] != 0);
        Assert.All(last.Clients, c => Assert.True(double.IsFinite(c.Loss) && c.Rewards is not null));
    }

    [Theory]
    [InlineData("dpo.loss=sigmoid", 0.693147)] // log 2
    [InlineData("dpo.label_smoothing=0.3", 0.693147)]
    [InlineData("dpo.loss=ipo", 25.0)] // (0 - 1/(2·0.1))²
    [InlineData("dpo.loss=hinge", 1.0)]
    public async Task Run_FirstStep_HasTheLossOfATie(string setting, double expected)
    {
        RunResult run = await Run("tie", setting, "training.max_steps=1", "federation.rounds=1");
        Assert.All(run.Rounds[1].Clients, c => Assert.Equal(expected, c.Loss, 1e-6));
        Assert.All(run.Rounds[1].Clients, c => Assert.Equal(new ClientRewards(0, 0, 0.5), c.Rewards));
    }

    [Fact]
    public async Task Reference_BaseOrRoundOrAdapter_IsWhatTheFirstStepIsComparedWith()
    {
        // With one step a round, the policy is still the round's global adapter when it is measured.
        string[] oneStep = ["training.max_steps=1", "evaluation.every=2"];
        RunResult round = await Run("round", ["dpo.reference=round", .. oneStep]);
        Assert.All(round.Rounds.Skip(1), r => Assert.Equal(LogTwo, Loss(r)));
        Assert.Equal(0.5, round.Rounds[2].Rewards!.Accuracy);

        RunResult fixedBase = await Run("base", oneStep);
        Assert.Equal(LogTwo, Loss(fixedBase.Rounds[1]));
        Assert.NotEqual(LogTwo, Loss(fixedBase.Rounds[2]));

        // A named adapter is the reference, and where the policy starts: against the base model it is ahead from the beginning.
        RunResult trained = await Run("trained", "training.max_steps=4");
        RunResult named = await Run("named", [$"dpo.reference={trained.AdapterFolder}", .. oneStep]);
        Assert.Equal(trained.AdapterHash, named.Rounds[0].Adapter);
        Assert.Equal(LogTwo, Loss(named.Rounds[1]));
        Assert.NotEqual(LogTwo, Loss(named.Rounds[2]));
        Assert.NotEqual(0.5, named.Rounds[0].Evaluation!["preference_accuracy"]);
        Assert.Equal(4, new HashSet<string> { round.AdapterHash, fixedBase.AdapterHash, trained.AdapterHash, named.AdapterHash }.Count);
    }

    [Fact]
    public async Task Run_WithDropout_TrainsWithoutIt()
    {
        RunResult without = await Run("without");
        RunResult with = await Run("with", "lora.dropout=0.5");
        Assert.Equal(without.Adapter.Values.AsEnumerable(), with.Adapter.Values);
        Assert.Equal(0.5, PeftAdapter.Load(with.AdapterFolder).Config.Dropout);
    }

    [Fact]
    public async Task Run_EveryPairCutAtTheLimit_CountsAndTrains()
    {
        // Ten tokens: the prompt's last four, and six of each answer.
        string[] cut = ["data.max_length=10", "dpo.max_prompt_length=4"];
        PreparedExperiment prepared = PreparedExperiment.Prepare(_pairs.Experiment(cut));
        Assert.All(prepared.Reports, r => Assert.Equal(r.Tally.Usable, r.Tally.Truncated[Data.Samples.Truncation.Prompt]));
        Assert.All(prepared.Reports, r => Assert.Equal(10, r.Tally.Longest));
        RunResult run = await Run("cut", cut);
        Assert.All(run.Rounds.Skip(1).SelectMany(r => r.Clients), c => Assert.True(double.IsFinite(c.Loss)));
    }

    [Fact]
    public async Task Comparison_OfFederatedAndLocal_MeasuresTheSamePairs()
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(_pairs.Experiment());
        RunResult run = await Run("compared");
        PreferenceComparison compared = await PreferenceComparison.MeasureAsync(prepared, run.Adapter, TimeProvider.System, null, default);
        Assert.Equal(2 * 3 * 2, compared.Steps);
        Assert.Equal(run.Rounds[^1].Evaluation!["preference_accuracy"], compared.Federated.Reward!.Accuracy);
        Assert.Equal(run.Rounds[^1].Evaluation!["preference_margin"], compared.Federated.Reward.Margin);
        Assert.Equal(4, compared.Local.Count);
        Assert.All(compared.Local, l => Assert.Equal(compared.Federated.Pairs, l.Reward!.Wins.Count));
        Assert.Equal(4, compared.Local.Select(l => l.Reward!.Margin).Distinct().Count());

        PreparedExperiment instructions = PreparedExperiment.Prepare(DemoAssets.Experiment());
        await Assert.ThrowsAsync<InvalidOperationException>(() => PreferenceComparison.MeasureAsync(instructions, run.Adapter, TimeProvider.System, null, default));
    }

    private static string Loss(RoundRecord record) => record.TrainLoss!.Value.ToString("F6", CultureInfo.InvariantCulture);

    private Task<RunResult> Run(string name, params string[] overrides)
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(_pairs.Experiment(overrides));
        return new ExperimentRunner(prepared, TimeProvider.System).RunAsync(_pairs[name], [], default);
    }
}
