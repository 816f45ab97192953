using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Numerics;

namespace FedLLM.Federation;

/// <summary>Drives one run, round by round, wherever its clients live. Given the same settings and the same member lists it makes the same bits.</summary>
public sealed class RunLoop
{
    private readonly RunSettings _settings;
    private readonly ICohortSampler _sampler;
    private readonly IServerOptimizer _optimizer;
    private readonly IClientFleet _fleet;
    private readonly ITensorStore _store;
    private readonly IRunJournal _journal;
    private readonly IRoundEvaluator? _evaluator;
    private readonly IReadOnlyList<IRunObserver> _observers;
    private readonly TimeProvider _time;

    /// <summary>Joins the parts of a run.</summary>
    /// <param name="settings">The run's plain values.</param>
    /// <param name="sampler">Chooses the cohorts.</param>
    /// <param name="optimizer">The algorithm's server half.</param>
    /// <param name="fleet">Trains the clients.</param>
    /// <param name="store">Holds global adapters and updates.</param>
    /// <param name="journal">Holds the run's state.</param>
    /// <param name="evaluator">Measures the global adapter, or null for no evaluation.</param>
    /// <param name="observers">Hear of the run; what they throw ends it, with the state committed.</param>
    /// <param name="time">The clock; the system's by default.</param>
    /// <exception cref="ArgumentException">The settings cannot work; the message lists every problem.</exception>
    public RunLoop(
        RunSettings settings, ICohortSampler sampler, IServerOptimizer optimizer, IClientFleet fleet, ITensorStore store, IRunJournal journal,
        IRoundEvaluator? evaluator = null, IReadOnlyList<IRunObserver>? observers = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(sampler);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(fleet);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(journal);
        if (settings.Problems() is { Count: > 0 } problems)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(settings));
        }

        _settings = settings;
        _sampler = sampler;
        _optimizer = optimizer;
        _fleet = fleet;
        _store = store;
        _journal = journal;
        _evaluator = evaluator;
        _observers = observers ?? [];
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Runs, or resumes, to the last round and returns the final state. After an exception the journal holds the last committed state.</summary>
    /// <param name="initialAdapter">w^0; used only where the run has not begun.</param>
    /// <param name="cancellationToken">Stops the run between two steps of a round.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="RunAbandonedException">Too many rounds in a row fell below quorum.</exception>
    /// <exception cref="InvalidOperationException">The journal's state is of an adapter with other tensors.</exception>
    /// <exception cref="IOException">A state or an update cannot be read or written.</exception>
    public async Task<GlobalState> RunAsync(TensorSet initialAdapter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(initialAdapter);

        // Resume from the newest committed state, or begin with round 0: the initial adapter and what it is worth.
        GlobalState state = _journal.Load() ?? await BeginAsync(initialAdapter, cancellationToken);
        if (!state.Adapter.Layout.Equals(initialAdapter.Layout))
        {
            throw new InvalidOperationException("The stored state is of an adapter with other tensors than this run's.");
        }

        string stateHash = _store.Put(state.Adapter);
        var failing = new SortedDictionary<int, ClientExclusion>(); // over the abandoned rounds in a row
        for (int round = state.Round + 1; round <= _settings.Rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var seconds = new PhaseClock(_time);

            // 1. The cohort follows from (seed, round).
            IReadOnlyList<int> cohort = _sampler.Draw(_settings.Seed, round, _settings.Clients, _settings.ClientsPerRound);
            Notify(o => o.RoundStarted(round, cohort));

            // 2. One small instruction for all of them: the global adapter goes by its hash.
            double learningRate = _settings.LearningRate.At(round);
            var instruction = new RoundInstruction(_settings.RunId, round, stateHash, learningRate);

            // 3. The clients train; membership closes, in the journal, before anything is summed. Where it was closed before an interruption,
            //    the list and the stored updates stand: nobody trains again.
            IReadOnlyList<ClientOutcome>? outcomes = _journal.ClosedMembership(round);
            if (outcomes is null)
            {
                outcomes = await TrainAsync(instruction, cohort, state.Adapter.Layout, cancellationToken);
                seconds.Charge("train");
                _journal.CloseMembership(round, outcomes);
                seconds.Charge("checkpoint");
            }

            ClientReceipt[] members = [.. outcomes.OfType<ClientReceipt>().OrderBy(m => m.Client)];
            ClientExclusion[] excluded = [.. outcomes.OfType<ClientExclusion>().OrderBy(e => e.Client)];
            int needed = _settings.MembersNeeded(cohort.Count);
            bool quorate = members.Length >= needed;
            if (quorate)
            {
                // 4. Updates stream through a fixed-point sum, one in memory at a time.
                TensorSet delta = MeanDelta(state.Adapter.Layout, members, cancellationToken);
                seconds.Charge("aggregate");

                // 5. The server optimizer steps.
                ServerStep step = _optimizer.Step(round - 1, state.Adapter, delta, state.ServerState);
                state = new GlobalState(round, step.Adapter, step.State, AbandonedInARow: 0);
                failing.Clear();
                seconds.Charge("aggregate");
                stateHash = _store.Put(state.Adapter);
                seconds.Charge("checkpoint");
            }
            else
            {
                state = state with { Round = round, AbandonedInARow = state.AbandonedInARow + 1 };
                foreach (ClientExclusion exclusion in excluded)
                {
                    failing[exclusion.Client] = exclusion;
                }
            }

            // 6. Every k rounds and after the last: what is the global adapter worth?
            IReadOnlyDictionary<string, double>? evaluation = null;
            if (_evaluator is not null && (round % _settings.EvaluateEvery == 0 || round == _settings.Rounds))
            {
                evaluation = await _evaluator.EvaluateAsync(state.Adapter, cancellationToken);
                seconds.Charge("evaluate");
            }

            // 7. One commit of the new state with the round's record; observers hear of it afterwards.
            long adapterBytes = sizeof(float) * (long)state.Adapter.Layout.Count;
            var record = new RoundRecord
            {
                Round = round,
                Cohort = cohort,
                Clients =
                [
                    .. members.Select(m => new ClientRecord(m.Client, m.Metrics.Loss, m.Metrics.Tokens, m.Metrics.Seconds, m.Weight) { Rewards = m.Metrics.Rewards }),
                ],
                TrainLoss = members.Length == 0 ? null : members.Sum(m => m.Weight * m.Metrics.Loss) / members.Sum(m => m.Weight),
                Rewards = ClientRewards.Mean(members),
                Evaluation = evaluation,
                LearningRate = learningRate,
                BytesDown = adapterBytes * cohort.Count,
                BytesUp = adapterBytes * members.Length,
                Seconds = seconds.Phases,
                Excluded = excluded,
                Abandoned = quorate ? null : $"{members.Length} of {cohort.Count} sampled clients sent a usable update; the quorum is {needed}",
                Adapter = stateHash,
            };
            cancellationToken.ThrowIfCancellationRequested();
            _journal.Commit(state, record);
            Notify(o => o.RoundCommitted(record));

            // 8. Clients that keep failing end the run rather than let it spin.
            if (state.AbandonedInARow >= _settings.MaxAbandoned)
            {
                throw new RunAbandonedException(round, state.AbandonedInARow, [.. failing.Values]);
            }
        }

        return state;
    }

    private async Task<GlobalState> BeginAsync(TensorSet initialAdapter, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var seconds = new PhaseClock(_time);
        var state = new GlobalState(Round: 0, initialAdapter, new Dictionary<string, TensorSet>(), AbandonedInARow: 0);
        string stateHash = _store.Put(initialAdapter);
        seconds.Charge("checkpoint");
        IReadOnlyDictionary<string, double>? evaluation = null;
        if (_evaluator is not null)
        {
            evaluation = await _evaluator.EvaluateAsync(initialAdapter, cancellationToken);
            seconds.Charge("evaluate");
        }

        var record = new RoundRecord { Round = 0, Evaluation = evaluation, Seconds = seconds.Phases, Adapter = stateHash };
        cancellationToken.ThrowIfCancellationRequested();
        _journal.Commit(state, record);
        Notify(o => o.RoundCommitted(record));
        return state;
    }

    // One outcome for each client of the cohort, ascending by id. The first outcome of a client stands; what comes from elsewhere, or again, is ignored.
    private async Task<IReadOnlyList<ClientOutcome>> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, TensorLayout layout, CancellationToken cancellationToken)
    {
        var outcomes = new SortedDictionary<int, ClientOutcome>();
        var awaited = cohort.ToHashSet();
        await foreach (ClientOutcome answer in _fleet.TrainAsync(instruction, cohort, cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (awaited.Remove(answer.Client))
            {
                Record(OutcomeCheck.Inspect(answer, layout, _store));
            }

            if (awaited.Count == 0)
            {
                break;
            }
        }

        // A fleet that stops early because it is cancelled has not decided who failed.
        cancellationToken.ThrowIfCancellationRequested();
        foreach (int client in awaited.Order())
        {
            Record(new ClientExclusion(client, "it gave no answer"));
        }

        return [.. outcomes.Values];

        void Record(ClientOutcome outcome)
        {
            outcomes[outcome.Client] = outcome;
            Notify(o => o.ClientFinished(instruction.Round, outcome));
        }
    }

    private TensorSet MeanDelta(TensorLayout layout, IReadOnlyList<ClientReceipt> members, CancellationToken cancellationToken)
    {
        bool equal = _optimizer.Weighting == MemberWeighting.Equal;
        var plan = new FixedPointPlan(layout, members.Select(m => new Member(m.Client, equal ? 1 : m.Weight, m.MaxAbsolute)));
        var sum = new FixedPointSum(plan);
        foreach (ClientReceipt member in members)
        {
            cancellationToken.ThrowIfCancellationRequested();
            sum.Add(member.Client, _store.Get(member.UpdateHash));
        }

        return sum.Mean();
    }

    private void Notify(Action<IRunObserver> tell)
    {
        foreach (IRunObserver observer in _observers)
        {
            tell(observer);
        }
    }
}
