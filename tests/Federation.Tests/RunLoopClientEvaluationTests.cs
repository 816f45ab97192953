using FedLLM.Federation.Rounds;
using FedLLM.Federation.Tests.Twins;

namespace FedLLM.Federation.Tests;

/// <summary>Whom the loop has measured on their own held-out data, and when.</summary>
public sealed class RunLoopClientEvaluationTests
{
    [Fact]
    public async Task RunAsync_EvaluatedRounds_MeasureTheirMembersByTheStateAfterwards()
    {
        var own = new Evaluator();
        var run = new TestRun { EvaluatesClients = own };
        run.Settings = run.Settings with { Quorum = 0.5 };
        int failing = run.Cohort(2)[0];
        run.Fleet.Answer = (round, receipts) => receipts.Select(r => round == 2 && r.Client == failing ? (ClientOutcome)new ClientExclusion(r.Client, "out of memory") : r);
        await run.RunAsync();

        Assert.Equal([0, 2, 4], own.Asked.Select(a => a.Round));
        Assert.Empty(own.Asked[0].Members);
        Assert.Equal(run.Cohort(2).Where(c => c != failing), own.Asked[1].Members);
        Assert.Equal(run.Cohort(4), own.Asked[2].Members);
        Assert.Equal([null, 2, 4], own.Asked.Select(a => a.Instruction));
        Assert.Null(run.Journal.Records[0].ClientEvaluation); // nobody was measured
        Assert.Null(run.Journal.Records[1].ClientEvaluation);
        Assert.Equal(own.Asked[1].Members, run.Journal.Records[2].ClientEvaluation!.Select(c => c.Id));
        Assert.Equal(run.Journal.Records[4].Evaluation!["loss"], run.Journal.Records[4].ClientEvaluation![0].Global["loss"]);
    }

    [Fact]
    public async Task RunAsync_AbandonedRound_HasNoMembersToMeasure()
    {
        var own = new Evaluator();
        var run = new TestRun { EvaluatesClients = own, Evaluates = null };
        run.Fleet.Answer = (round, receipts) => round == 2 ? receipts.Skip(1) : receipts;
        await run.RunAsync();
        Assert.Empty(own.Asked.Single(a => a.Round == 2).Members);
        Assert.Null(run.Journal.Records[2].Evaluation);
        Assert.Contains("evaluate", run.Journal.Records[4].Seconds.Keys);
    }

    private sealed class Evaluator : IClientEvaluator
    {
        public List<(int Round, int? Instruction, int[] Members)> Asked { get; } = [];

        public Task<IReadOnlyList<ClientEvaluation>> EvaluateAsync(
            RoundInstruction? instruction, GlobalState state, IReadOnlyList<ClientReceipt> members, CancellationToken cancellationToken)
        {
            Asked.Add((state.Round, instruction?.Round, [.. members.Select(m => m.Client)]));
            var values = new Dictionary<string, double> { ["loss"] = state.Adapter.Values.Sum(v => (double)v) };
            return Task.FromResult<IReadOnlyList<ClientEvaluation>>([.. members.Select(m => new ClientEvaluation(m.Client, 1, values, null))]);
        }
    }
}
