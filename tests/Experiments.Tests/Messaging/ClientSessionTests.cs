using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Rounds;
using Microsoft.Extensions.Time.Testing;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>A client's side of the line.</summary>
public sealed class ClientSessionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _clock = new();
    private readonly CountingQueue _queue = new();

    [Fact]
    public async Task AskAsync_LongTraining_AnswersWithinItsPatienceAndTrainsOnce()
    {
        var work = new TaskCompletionSource();
        _queue.Work = (_, _) => work.Task;
        using var session = new ClientSession(3, _queue, Patience, _clock);
        Task<TrainingAnswer> first = session.AskAsync(Instruction(1), default);
        Task<TrainingAnswer> second = session.AskAsync(Instruction(1), default);
        Assert.False(first.IsCompleted);
        _clock.Advance(Patience);
        Assert.Equal(new StillTraining(1, "state 1"), await first);
        Assert.IsType<StillTraining>(await second);

        Task<TrainingAnswer> third = session.AskAsync(Instruction(1), default);
        work.SetResult();
        Assert.Equal(CountingQueue.ReceiptOf(Instruction(1), 3).UpdateHash, Assert.IsType<UpdateStored>(await third).Receipt.UpdateHash);
        Assert.IsType<UpdateStored>(await session.AskAsync(Instruction(1), default));
        Assert.Single(_queue.Begun);
    }

    [Fact]
    public async Task AskAsync_LaterRound_StopsTheEarlierTraining()
    {
        _queue.Work = (_, token) => Task.Delay(Timeout.Infinite, token);
        using var session = new ClientSession(3, _queue, Patience, _clock);
        Task<TrainingAnswer> first = session.AskAsync(Instruction(1), default);
        _queue.Work = (_, _) => Task.CompletedTask;
        Assert.Equal(2, Assert.IsType<UpdateStored>(await session.AskAsync(Instruction(2), default)).Round);

        // Whoever still asks for round 1 is told to ask again, and then that it is out of date.
        Assert.IsType<StillTraining>(await first);
        Assert.Equal([(1, "state 1", 3)], _queue.Stopped);
        TrainingAnswer late = await session.AskAsync(Instruction(1), default);
        Assert.Equal("it was asked to train round 1 after round 2 had begun", Assert.IsType<TrainingRefused>(late).Reason);
        Assert.Equal(2, session.Round);
    }

    [Fact]
    public async Task AskAsync_SameRoundFromAnotherState_TrainsFromThatState()
    {
        using var session = new ClientSession(3, _queue, Patience, _clock);
        await session.AskAsync(Instruction(1), default);
        var other = new RoundInstruction("run", 1, "another state", 0.1);
        Assert.Equal("another state", Assert.IsType<UpdateStored>(await session.AskAsync(other, default)).StateHash);
        Assert.Equal(2, _queue.Begun.Count);
    }

    [Fact]
    public async Task AskAsync_TrainingThatFails_IsRefusedWithItsReason()
    {
        _queue.Work = (_, _) => throw new TrainingFailedException("its shard has no usable sample");
        using var session = new ClientSession(3, _queue, Patience, _clock);
        Assert.Equal("its shard has no usable sample", Assert.IsType<TrainingRefused>(await session.AskAsync(Instruction(1), default)).Reason);
    }

    [Fact]
    public async Task AskAsync_FaultOfTheHost_IsThrownAndAskingAgainTriesAgain()
    {
        _queue.Work = (_, _) => throw new IOException("the store is out of reach");
        using var session = new ClientSession(3, _queue, Patience, _clock);
        await Assert.ThrowsAsync<IOException>(() => session.AskAsync(Instruction(1), default));
        _queue.Work = (_, _) => Task.CompletedTask;
        Assert.IsType<UpdateStored>(await session.AskAsync(Instruction(1), default));
    }

    [Fact]
    public async Task AskAsync_CallerGone_GoesOnTraining()
    {
        var work = new TaskCompletionSource();
        _queue.Work = (_, _) => work.Task;
        using var session = new ClientSession(3, _queue, Patience, _clock);
        using var caller = new CancellationTokenSource();
        Task<TrainingAnswer> asked = session.AskAsync(Instruction(1), caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        work.SetResult();
        Assert.IsType<UpdateStored>(await session.AskAsync(Instruction(1), default));
        Assert.Single(_queue.Begun);
    }

    [Fact]
    public async Task Dispose_WhileTraining_StopsAndTellsTheCallerToComeBack()
    {
        _queue.Work = (_, token) => Task.Delay(Timeout.Infinite, token);
        var session = new ClientSession(3, _queue, Patience, _clock);
        Task<TrainingAnswer> asked = session.AskAsync(Instruction(1), default);
        session.Dispose();
        Assert.IsType<StillTraining>(await asked);
        Assert.IsType<StillTraining>(await session.AskAsync(Instruction(1), default));
        Assert.Single(_queue.Stopped);
    }

    private static RoundInstruction Instruction(int round) => new("run", round, $"state {round}", 0.1);
}
