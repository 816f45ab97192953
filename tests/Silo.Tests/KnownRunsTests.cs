using FedLLM.GrainInterfaces;
using FedLLM.Silo.Api;

namespace FedLLM.Silo.Tests;

/// <summary>What a silo's API knows of runs while answers come in any order.</summary>
public sealed class KnownRunsTests
{
    [Fact]
    public void Take_AnswerToAQuestionFromBeforeAnAction_DoesNotHideTheAction()
    {
        var known = new KnownRuns();
        Assert.Null(known.Of("demo"));
        known.Take(Run("paused"), known.Ask());
        long before = known.Ask();
        known.Take(Run("running"));
        known.Take(Run("paused"), before);
        Assert.Equal("running", known.Of("demo")!.Phase);
        known.Take(Run("finished"), known.Ask());
        Assert.Equal("finished", known.Of("demo")!.Phase);
    }

    private static RunInfo Run(string phase) => new() { Name = "demo", Phase = phase, Round = 1, Rounds = 2 };
}
