using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>How a coordinator waits for clients that live elsewhere.</summary>
public sealed record WaitingSettings
{
    /// <summary>Wall time after which a round closes with those who answered; positive, or null to wait for everyone.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>Pause after a first failed attempt to reach a client; positive; it doubles with each further one. Default half a second.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Longest pause between two attempts; positive. Default ten seconds.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>
/// Clients that live elsewhere, each asked over a line that may lose, delay, repeat and reorder messages. A client is asked until it says that its update is
/// stored or that it cannot train, or until the deadline; which of its questions and answers got lost changes nothing.
/// </summary>
/// <param name="line">The line to the clients.</param>
/// <param name="settings">How long to wait.</param>
/// <param name="clock">Measures the deadline and the pauses.</param>
public sealed class MessageFleet(IClientLine line, WaitingSettings settings, TimeProvider clock) : IClientFleet
{
    private readonly ConcurrentDictionary<int, bool> _unreachable = new();

    /// <summary>The clients that are waited for and could not be reached the last time, in ascending order.</summary>
    public IReadOnlyList<int> Unreachable => [.. _unreachable.Keys.Order()];

    /// <inheritdoc/>
    public async IAsyncEnumerable<ClientOutcome> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(cohort);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var deadline = new CancellationTokenSource(settings.Deadline ?? Timeout.InfiniteTimeSpan, clock);
        var outcomes = Channel.CreateUnbounded<ClientOutcome>();
        Task[] clients = [.. cohort.Select(client => DecideAsync(instruction, client, outcomes.Writer, deadline.Token, stop.Token))];
        _ = Task.WhenAll(clients).ContinueWith(
            all => outcomes.Writer.Complete(all.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (ClientOutcome outcome in outcomes.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return outcome;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(Task.WhenAll(clients)).ConfigureAwait(false);
        }
    }

    private async Task DecideAsync(
        RoundInstruction instruction, int client, ChannelWriter<ClientOutcome> outcomes, CancellationToken deadline, CancellationToken stop)
    {
        RoundInstruction own = instruction.For(client);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline, stop);
        try
        {
            ClientOutcome outcome = await AskUntilDecidedAsync(own, client, either.Token).ConfigureAwait(false);
            outcomes.TryWrite(outcome);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            outcomes.TryWrite(new ClientExclusion(
                client, FormattableString.Invariant($"it gave no update within the deadline of {settings.Deadline!.Value.TotalSeconds:0.###} seconds")));
        }
        finally
        {
            _unreachable.TryRemove(client, out _);
        }
    }

    private async Task<ClientOutcome> AskUntilDecidedAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        TimeSpan pause = settings.FirstPause;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                // A line that does not honour the token must not hold the round up.
                TrainingAnswer answer = await line.AskAsync(instruction, client, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
                _unreachable.TryRemove(client, out _);
                if (answer.Round == instruction.Round && answer.StateHash == instruction.StateHash)
                {
                    switch (answer)
                    {
                        case UpdateStored stored when stored.Receipt.Client == client:
                            return stored.Receipt;
                        case TrainingRefused refused:
                            return new ClientExclusion(client, refused.Reason);
                        case StillTraining:
                            pause = settings.FirstPause;
                            continue;
                    }
                }

                // An answer to another question: as good as none.
            }
            catch (ClientUnreachableException)
            {
                _unreachable[client] = true;

                // It may have crashed, or moved, or never heard of it. It is asked again, wherever it lives then.
            }

            await Task.Delay(pause, clock, cancellationToken).ConfigureAwait(false);
            pause = pause * 2 < settings.LongestPause ? pause * 2 : settings.LongestPause;
        }
    }
}
