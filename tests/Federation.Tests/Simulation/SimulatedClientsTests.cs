using FedLLM.Federation.Rounds;
using FedLLM.Federation.Simulation;

namespace FedLLM.Federation.Tests.Simulation;

public sealed class SimulatedClientsTests
{
    [Fact]
    public void Of_DefaultSettings_EveryoneAnswersAtOnce()
    {
        var clients = new SimulatedClients(new SimulationSettings(), seed: 1);
        Assert.All(Enumerable.Range(0, 50), c => Assert.Equal(new SimulatedAnswer(c, 1, null), clients.Of(3, c)));
    }

    [Fact]
    public void Of_ManyRounds_HasTheProbabilitiesAsked()
    {
        var clients = new SimulatedClients(new SimulationSettings { Availability = 0.8, DropOut = 0.25 }, seed: 5);
        SimulatedAnswer[] answers = [.. Enumerable.Range(1, 5000).Select(round => clients.Of(round, 7))];

        // Binomial, five standard deviations: 5000 · 0.2 ± 141; of the rest 0.25 · 4000 ± 137.
        Assert.InRange(answers.Count(a => a.Absence == "it was not available"), 859, 1141);
        Assert.InRange(answers.Count(a => a.Absence == "it dropped out"), 840, 1160);
    }

    [Fact]
    public void Of_Spreads_AreLogNormalAndLastingByClient()
    {
        var lasting = new SimulatedClients(new SimulationSettings { MedianSeconds = 10, ClientSpread = 0.5 }, seed: 2);
        Assert.All(Enumerable.Range(0, 20), c => Assert.Equal(lasting.Of(1, c).Seconds, lasting.Of(8, c).Seconds));
        double[] logs = [.. Enumerable.Range(0, 4000).Select(c => Math.Log(lasting.Of(1, c).Seconds / 10))];

        // Mean 0 ± 5 · 0.5 / √4000 = 0.04; standard deviation 0.5 ± 5 · 0.5 / √8000 = 0.028.
        Assert.InRange(logs.Average(), -0.04, 0.04);
        Assert.InRange(Math.Sqrt(logs.Average(l => l * l)), 0.472, 0.528);

        var varying = new SimulatedClients(new SimulationSettings { RoundSpread = 0.5 }, seed: 2);
        Assert.NotEqual(varying.Of(1, 3).Seconds, varying.Of(2, 3).Seconds);
        Assert.NotEqual(varying.Of(1, 3).Seconds, new SimulatedClients(new SimulationSettings { RoundSpread = 0.5 }, seed: 3).Of(1, 3).Seconds);
    }

    [Fact]
    public void SimulatedRound_Deadline_SeparatesThoseWhoArrive()
    {
        var round = new SimulatedRound(
            [new(0, 5, null), new(1, 2, null), new(2, 9.5, null), new(3, 0, "it was not available"), new(4, 5, null), new(5, 3, "it dropped out")], deadline: 8);
        Assert.Equal([1, 0, 4], round.Arriving);
        Assert.Equal(
            [
                new ClientExclusion(2, "it answered after 9.5 simulated seconds; the deadline is 8"),
                new ClientExclusion(3, "it was not available"),
                new ClientExclusion(5, "it dropped out"),
            ],
            round.Absent());
        Assert.Equal(5, round.ClosedAt([1, 0], wanted: 2)); // the second arrives
        Assert.Equal(2, round.ClosedAt([1], wanted: 1));
        Assert.Equal(8, round.ClosedAt([0, 1, 4], wanted: 4)); // waits for the fourth in vain
        Assert.Equal("it answered after 5 simulated seconds, when the round had the 2 updates it wants", round.TooLate(4, 2).Reason);
    }

    [Fact]
    public void ClosedAt_NoDeadline_IsWhenNobodyIsLeft()
    {
        var round = new SimulatedRound([new(0, 5, null), new(1, 7, "it dropped out")], deadline: null);
        Assert.Equal(7, round.ClosedAt([0], wanted: 2));
    }

    [Fact]
    public void SimulatedClients_SettingsOutOfRange_AreAllNamed()
    {
        var settings = new SimulationSettings
        {
            Availability = 0,
            DropOut = 1,
            MedianSeconds = 0,
            ClientSpread = -1,
            RoundSpread = double.NaN,
            Deadline = double.PositiveInfinity,
        };
        Assert.Equal(6, settings.Problems().Count);
        Assert.Throws<ArgumentException>(() => new SimulatedClients(settings, 1));
    }
}
