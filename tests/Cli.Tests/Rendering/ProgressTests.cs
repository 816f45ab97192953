using FedLLM.Cli.Rendering;
using FedLLM.Cli.Tests.Support;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Tests.Rendering;

public sealed class ProgressTests
{
    private readonly ManualClock _clock = new();
    private readonly StringWriter _output = new();

    [Fact]
    public void Lines_WholeRounds_ShowLossesSpeedAndTimeLeft()
    {
        var progress = new LineProgress(_output, 4, _clock);
        progress.RoundCommitted(Record(0, null, 2.75, 0, 0));
        progress.RoundStarted(1, [3, 5]);
        _clock.Advance(10);
        progress.RoundCommitted(Record(1, 2.5, null, tokens: 800, trainSeconds: 4));
        progress.RoundStarted(2, [3, 5]);
        _clock.Advance(20);
        progress.RoundCommitted(Record(2, 2.25, 2.5, tokens: 1200, trainSeconds: 4));

        // After round 1: 800 tokens in 4 seconds. After round 2: 2000 tokens in 8 seconds; two rounds took 30 seconds, two are left.
        Assert.Equal(
            [
                "round 0/4  held-out 2.7500",
                "round 1/4  train 2.5000  held-out 2.7500  200 tok/s  eta 00:30",
                "round 2/4  train 2.2500  held-out 2.5000  250 tok/s  eta 00:30",
            ],
            Lines());
    }

    [Fact]
    public void Lines_PreferenceLearning_ShowRewardsOfTrainingAndAccuracyOnHeldOutPairs()
    {
        var progress = new LineProgress(_output, 2, _clock);
        Dictionary<string, double> HeldOut(double accuracy) => new() { ["preference_accuracy"] = accuracy, ["preference_margin"] = 0.1 };
        progress.RoundCommitted(Record(0, null, null, 0, 0) with { Evaluation = HeldOut(0.5) });
        progress.RoundStarted(1, [3]);
        _clock.Advance(5);
        progress.RoundCommitted(Record(1, 0.6875, null, tokens: 500, trainSeconds: 5) with { Rewards = new ClientRewards(0.25, -0.125, 0.5625) });
        progress.RoundStarted(2, [4]);
        _clock.Advance(5);
        progress.RoundCommitted(Record(2, 0.5, null, tokens: 500, trainSeconds: 5) with { Rewards = new ClientRewards(-1, -2, 0.75), Evaluation = HeldOut(0.625) });
        Assert.Equal(
            [
                "round 0/2  held-out acc 0.500",
                "round 1/2  train 0.6875  acc 0.563  margin 0.375  held-out acc 0.500  100 tok/s  eta 00:05",
                "round 2/2  train 0.5000  acc 0.750  margin 1.000  held-out acc 0.625  100 tok/s  eta 00:00",
            ],
            Lines());
    }

    [Fact]
    public void Lines_QuickRounds_AreOneASecondAndTheLast()
    {
        var progress = new LineProgress(_output, 100, _clock);
        for (int round = 1; round <= 100; round++)
        {
            progress.RoundStarted(round, [0]);
            _clock.Advance(0.25);
            progress.RoundCommitted(Record(round, 1, null, 10, 0.25));
        }

        Assert.Equal([.. Enumerable.Range(1, 25).Select(i => $"round {4 * i}/100")], Lines().Select(l => l.Split("  ")[0]));
    }

    [Fact]
    public void Lines_LongRound_GivesASignOfLife()
    {
        var progress = new LineProgress(_output, 2, _clock);
        progress.RoundStarted(1, [0, 1, 2, 3]);
        foreach (double seconds in (double[])[4, 7, 4, 20])
        {
            _clock.Advance(seconds);
            progress.ClientFinished(1, new ClientReceipt(0, "", 1, [], new ClientMetrics(1, 1, 1)));
        }

        // At 11 seconds, the second client; the last one's line is the round's own.
        Assert.Equal(["round 1/2  client 2/4"], Lines());
    }

    [Fact]
    public void Lines_ExclusionAndAbandonedRound_AreWarnedOf()
    {
        var progress = new LineProgress(_output, 2, _clock);
        progress.RoundStarted(1, [7]);
        progress.ClientFinished(1, new ClientExclusion(7, "its loss is\nNaN"));
        progress.RoundCommitted(Record(1, null, null, 0, 0) with { Abandoned = "0 of 1" });
        Assert.Equal(["warning: round 1: client 7 does not count: its loss is?NaN", "warning: round 1 was abandoned: 0 of 1"], Lines());
    }

    [Fact]
    public async Task Bars_WholeRun_ShowTheSameFigures()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(_output),
            Ansi = AnsiSupport.Yes,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
        });
        console.Profile.Width = 100;
        int result = await BarProgress.FollowAsync(console, 1, _clock, observer =>
        {
            observer.RoundStarted(1, [1, 2]);
            observer.ClientFinished(1, new ClientExclusion(2, "[gone]"));
            observer.ClientFinished(1, new ClientReceipt(1, "", 1, [], new ClientMetrics(1, 1, 1)));
            _clock.Advance(2);
            observer.RoundCommitted(Record(1, 2.5, 2.25, 3000, 2));
            return Task.FromResult(17);
        });
        Assert.Equal(17, result);
        string shown = _output.ToString();
        Assert.Contains("warning: round 1: client 2 does not count: [gone]", shown, StringComparison.Ordinal);
        Assert.Contains("clients 2/2", shown, StringComparison.Ordinal);
        Assert.Contains("train 2.5000  held-out 2.2500  1,500 tok/s  eta 00:00", shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "00:00")]
    [InlineData(61.9, "01:01")]
    [InlineData(3600 * 30.5, "30:30:00")]
    public void Duration_AnyLength_IsReadable(double seconds, string expected) => Assert.Equal(expected, Figures.Duration(TimeSpan.FromSeconds(seconds)));

    private string[] Lines() => _output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private static RoundRecord Record(int round, double? train, double? heldOut, long tokens, double trainSeconds) => new()
    {
        Round = round,
        TrainLoss = train,
        Evaluation = heldOut is { } loss ? new Dictionary<string, double> { ["loss"] = loss } : null,
        Clients = tokens > 0 ? [new ClientRecord(1, 1, tokens, trainSeconds, 1)] : [],
        Seconds = new Dictionary<string, double> { ["train"] = trainSeconds },
        Adapter = new string('0', 64),
    };
}
