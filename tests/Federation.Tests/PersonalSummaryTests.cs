using FedLLM.Federation.Rounds;

namespace FedLLM.Federation.Tests;

public sealed class PersonalSummaryTests
{
    [Fact]
    public void Of_LossesOfThreeClients_GivesTheirMeansAndTheWorst()
    {
        PersonalSummary loss = Assert.Single(PersonalSummary.Of([Loss(0, 10, 2, 1), Loss(4, 30, 1, 1), Loss(7, 60, 4, 5)]));
        Assert.Equal(("loss", 3), (loss.Measure, loss.Global.Clients));
        Assert.Equal(7.0 / 3, loss.Global.Mean, 1e-12);
        Assert.Equal(((10 * 2) + (30 * 1) + (60 * 4)) / 100.0, loss.Global.WeightedMean, 1e-12);
        Assert.Equal((4.0, 4.0), (loss.Global.Worst, loss.Global.WorstTenth));
        Assert.Equal(7.0 / 3, loss.Own!.Mean, 1e-12);
        Assert.Equal(5, loss.Own.Worst);
        Assert.Equal((1 + 0.5 + 0) / 3, loss.BetterWithOwn!.Value, 1e-12); // better, a tie, worse
    }

    [Fact]
    public void Of_Accuracies_CountsTheSmallestAsWorst()
    {
        ClientEvaluation[] clients = [.. Enumerable.Range(0, 20).Select(i => new ClientEvaluation(i, 1, Values("preference_accuracy", i / 20.0), Values("preference_accuracy", 0.5)))];
        PersonalSummary accuracy = Assert.Single(PersonalSummary.Of(clients));
        Assert.Equal(0, accuracy.Global.Worst);
        Assert.Equal(0.05, accuracy.Global.WorstTenth, 1e-12); // the second worst of twenty
        Assert.Equal(10.5 / 20, accuracy.BetterWithOwn!.Value, 1e-12); // ten below a half, one at it
    }

    [Fact]
    public void Of_LossesOfTwentyOneClients_TakesTheThirdWorstAsTheTenth()
    {
        ClientEvaluation[] clients = [.. Enumerable.Range(0, 21).Select(i => Loss(i, 1, i, null))];
        PersonalSummary loss = Assert.Single(PersonalSummary.Of(clients));
        Assert.Equal((20.0, 18.0), (loss.Global.Worst, loss.Global.WorstTenth));
        Assert.Null(loss.Own);
        Assert.Null(loss.BetterWithOwn);
    }

    [Fact]
    public void Of_ALossThatIsNoNumber_IsTheWorst() => Assert.Equal(double.NaN, PersonalSummary.Of([Loss(0, 1, double.NaN, null), Loss(1, 1, 9, null)])[0].Global.Worst);

    [Fact]
    public void Of_Nobody_IsEmpty()
    {
        Assert.Empty(PersonalSummary.Of(null));
        Assert.Empty(PersonalSummary.Of([]));
    }

    private static ClientEvaluation Loss(int id, long tokens, double global, double? own) =>
        new(id, tokens, Values("loss", global), own is { } value ? Values("loss", value) : null);

    private static Dictionary<string, double> Values(string name, double value) => new() { [name] = value };
}
