using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Rounds;
using Microsoft.Extensions.Time.Testing;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>A coordinator's view of clients that live elsewhere.</summary>
public sealed class MessageFleetTests
{
    private static readonly int[] Cohort = [2, 3, 5, 7, 11];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task TrainAsync_MessagesLostRepeatedAndReordered_GivesEveryClientsReceiptOfTheRightRound(ulong seed)
    {
        var clock = new HurriedClock();
        var queue = new CountingQueue();
        var line = new LossyLine(seed, queue, clock);
        var fleet = new MessageFleet(line, new WaitingSettings(), clock);
        for (int round = 1; round <= 20; round++)
        {
            var instruction = new RoundInstruction("run", round, $"state {round}", 0.1);
            List<ClientOutcome> outcomes = await CollectAsync(fleet, instruction);
            Assert.Equal(Cohort.Select(c => CountingQueue.ReceiptOf(instruction, c).UpdateHash), outcomes.OrderBy(o => o.Client).Select(o => ((ClientReceipt)o).UpdateHash));
        }

        Assert.Equal(6, line.Befallen.Count(b => b.Value > 0));

        // Nobody trained a round twice, unless the host crashed with the update unfinished; here a training ends at once.
        Assert.Equal(queue.Begun.Distinct().Count(), queue.Begun.Count);
    }

    [Fact]
    public async Task TrainAsync_ClientThatIsStillTraining_IsAskedAgainWithoutAPause()
    {
        var clock = new FakeTimeProvider();
        var answers = new Queue<TrainingAnswer>([new StillTraining(1, "s"), new StillTraining(1, "s"), new StillTraining(1, "s")]);
        var instruction = new RoundInstruction("run", 1, "s", 0.1);
        var line = new ScriptedLine((asked, client) => answers.TryDequeue(out TrainingAnswer? a) ? a : Stored(asked, client));
        List<ClientOutcome> outcomes = await CollectAsync(new MessageFleet(line, new WaitingSettings(), clock), instruction, [4]);
        Assert.IsType<ClientReceipt>(Assert.Single(outcomes));
        Assert.Equal(4, line.Asked);
    }

    [Fact]
    public async Task TrainAsync_RefusedClient_IsExcludedWithItsReason()
    {
        var line = new ScriptedLine((asked, client) => client == 3 ? new TrainingRefused(asked.Round, asked.StateHash, "its shard is gone") : Stored(asked, client));
        List<ClientOutcome> outcomes = await CollectAsync(new MessageFleet(line, new WaitingSettings(), TimeProvider.System), new RoundInstruction("run", 1, "s", 0.1));
        Assert.Equal("its shard is gone", Assert.Single(outcomes.OfType<ClientExclusion>()).Reason);
        Assert.Equal(4, outcomes.OfType<ClientReceipt>().Count());
    }

    [Fact]
    public async Task TrainAsync_SilentClientWithDeadline_IsExcludedWhenItPasses()
    {
        var clock = new FakeTimeProvider();
        var silence = new TaskCompletionSource<TrainingAnswer>();
        var line = new ScriptedLine((asked, client) => Stored(asked, client)) { Instead = client => client == 5 ? silence.Task : null };
        var fleet = new MessageFleet(line, new WaitingSettings { Deadline = TimeSpan.FromSeconds(90) }, clock);
        var outcomes = new List<ClientOutcome>();
        await foreach (ClientOutcome outcome in fleet.TrainAsync(new RoundInstruction("run", 1, "s", 0.1), Cohort, default))
        {
            outcomes.Add(outcome);
            if (outcomes.Count == Cohort.Length - 1)
            {
                Assert.DoesNotContain(outcomes, o => o.Client == 5);
                clock.Advance(TimeSpan.FromSeconds(89));
                clock.Advance(TimeSpan.FromSeconds(1));
            }
        }

        Assert.Equal("it gave no update within the deadline of 90 seconds", Assert.Single(outcomes.OfType<ClientExclusion>()).Reason);
    }

    [Fact]
    public async Task TrainAsync_UnreachableClient_IsAskedAfterPausesThatGrowToTheirLimit()
    {
        var clock = new FakeTimeProvider();
        var asked = new List<TimeSpan>();
        DateTimeOffset start = clock.GetUtcNow();
        var line = new ScriptedLine((instruction, client) =>
        {
            asked.Add(clock.GetUtcNow() - start);
            return asked.Count < 7 ? throw new ClientUnreachableException("down") : Stored(instruction, client);
        });
        var fleet = new MessageFleet(line, new WaitingSettings { FirstPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromSeconds(5) }, clock);
        Task<List<ClientOutcome>> outcomes = CollectAsync(fleet, new RoundInstruction("run", 1, "s", 0.1), [4]);
        while (!outcomes.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(0.5));
            await Task.Yield();
        }

        TimeSpan[] pauses = [.. asked.Zip(asked.Skip(1), (a, b) => b - a)];
        double[] least = [1, 2, 4, 5, 5, 5];
        Assert.All(pauses.Zip(least), p => Assert.True(p.First.TotalSeconds >= p.Second, $"A pause of {p.First} is shorter than {p.Second} seconds."));
        Assert.IsType<ClientReceipt>(Assert.Single(await outcomes));
    }

    [Fact]
    public async Task TrainAsync_Cancelled_StopsAskingEverybody()
    {
        using var stop = new CancellationTokenSource();
        var line = new ScriptedLine((_, _) => throw new ClientUnreachableException("down"));
        var fleet = new MessageFleet(line, new WaitingSettings(), new HurriedClock());
        Task<List<ClientOutcome>> outcomes = CollectAsync(fleet, new RoundInstruction("run", 1, "s", 0.1), Cohort, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => outcomes);
    }

    [Fact]
    public async Task TrainAsync_InstructionWithPrivateStates_GoesToEachClientWithItsOwn()
    {
        var seen = new Dictionary<int, IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>>>();
        var line = new ScriptedLine((asked, client) =>
        {
            lock (seen)
            {
                seen[client] = asked.PrivateStates;
            }

            return Stored(asked, client);
        });
        var instruction = new RoundInstruction("run", 2, "s", 0.1)
        {
            PrivateStates = new Dictionary<int, IReadOnlyDictionary<string, string>>
            {
                [2] = new Dictionary<string, string> { ["c"] = "two" },
                [7] = new Dictionary<string, string> { ["c"] = "seven" },
            },
        };
        await CollectAsync(new MessageFleet(line, new WaitingSettings(), TimeProvider.System), instruction);
        Assert.Equal([(2, "two"), (7, "seven")], seen.OrderBy(s => s.Key).SelectMany(s => s.Value.Select(v => (s.Key == v.Key ? v.Key : -1, v.Value["c"]))));
        Assert.Empty(seen[3]);
    }

    private static UpdateStored Stored(RoundInstruction asked, int client) => new(asked.Round, asked.StateHash, CountingQueue.ReceiptOf(asked, client));

    private static async Task<List<ClientOutcome>> CollectAsync(
        MessageFleet fleet, RoundInstruction instruction, IReadOnlyList<int>? cohort = null, CancellationToken cancellationToken = default)
    {
        var outcomes = new List<ClientOutcome>();
        await foreach (ClientOutcome outcome in fleet.TrainAsync(instruction, cohort ?? Cohort, cancellationToken))
        {
            outcomes.Add(outcome);
        }

        return outcomes;
    }

    private sealed class ScriptedLine(Func<RoundInstruction, int, TrainingAnswer> answer) : IClientLine
    {
        private int _asked;

        public int Asked => _asked;

        public Func<int, Task<TrainingAnswer>?> Instead { get; init; } = _ => null;

        public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
        {
            await Task.Yield();
            Interlocked.Increment(ref _asked);
            return Instead(client) is { } instead ? await instead : answer(instruction, client);
        }
    }
}
