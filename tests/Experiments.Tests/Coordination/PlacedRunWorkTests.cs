using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.Tests.Messaging;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Coordination;

/// <summary>Work that waits for the place where it can be done.</summary>
public sealed class PlacedRunWorkTests
{
    private readonly Work _work = new();

    [Fact]
    public async Task RunAsync_PlaceReachedInTheEnd_SaysWhatItWaitsForAndThenWorks()
    {
        var said = new List<string?>();
        PlacedRunWork? placed = null;
        placed = Make(new Place(() =>
        {
            said.Add(placed!.WaitingFor);
            return said.Count <= 2 ? $"waiting for the {said.Count}. time" : null;
        }));
        await placed.RunAsync([], default);
        Assert.Equal([null, "waiting for the 1. time", "waiting for the 2. time"], said);
        Assert.Equal(1, _work.Times);

        // Where it works, the work itself knows best.
        _work.WaitingFor = "waiting for client 3";
        Assert.Equal("waiting for client 3", placed.WaitingFor);
        Assert.True(placed.MayPass(new IOException()));
        Assert.False(placed.MayPass(new InvalidDataException()));
    }

    [Fact]
    public async Task RunAsync_StoppedElsewhere_BeginsNothing()
    {
        using var stop = new CancellationTokenSource();
        int looks = 0;
        PlacedRunWork placed = Make(new Place(() =>
        {
            if (++looks == 3)
            {
                stop.Cancel();
            }

            return "waiting";
        }));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => placed.RunAsync([], stop.Token));
        Assert.Equal((3, 0, null), (looks, _work.Times, placed.WaitingFor));
    }

    private PlacedRunWork Make(Place place) => new(_work, place, new HurriedClock());

    private sealed class Place(Func<string?> reach) : IRunPlace
    {
        public string? Reach() => reach();
    }

    private sealed class Work : IRunWork
    {
        public int Times { get; private set; }

        public string? WaitingFor { get; set; }

        public Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
        {
            Times++;
            return Task.CompletedTask;
        }

        public bool MayPass(Exception fault) => fault is IOException;
    }
}
