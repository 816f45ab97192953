using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Simulation;
using FedLLM.Numerics;

namespace FedLLM.Federation;

/// <summary>Drives one run, round by round, wherever its clients live. Given the same settings and the same member lists it makes the same bits.</summary>
public sealed class RunLoop
{
    private readonly RunSettings _settings;
    private readonly ICohortSampler _sampler;
    private readonly IServerOptimizer _optimizer;
    private readonly ILoraAggregation _aggregation;
    private readonly IClientFleet _fleet;
    private readonly ITensorStore _store;
    private readonly IRunJournal _journal;
    private readonly StateEvaluation _evaluation;
    private readonly IReadOnlyList<IRunObserver> _observers;
    private readonly TimeProvider _time;
    private readonly SimulatedClients? _simulation;

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
    /// <param name="aggregation">How LoRA factors combine; <see cref="FedIt"/>, the average, by default.</param>
    /// <param name="clientEvaluator">Measures clients on their own held-out data wherever the global adapter is evaluated, or null.</param>
    /// <exception cref="ArgumentException">The settings cannot work; the message lists every problem.</exception>
    public RunLoop(
        RunSettings settings, ICohortSampler sampler, IServerOptimizer optimizer, IClientFleet fleet, ITensorStore store, IRunJournal journal,
        IRoundEvaluator? evaluator = null, IReadOnlyList<IRunObserver>? observers = null, TimeProvider? time = null,
        ILoraAggregation? aggregation = null, IClientEvaluator? clientEvaluator = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(sampler);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(fleet);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(journal);
        _aggregation = aggregation ?? new FedIt();
        if (settings.Problems().Concat(LoraCombinations.Problems(optimizer, _aggregation)).ToArray() is { Length: > 0 } problems)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(settings));
        }

        _settings = settings;
        _sampler = sampler;
        _optimizer = optimizer;
        _fleet = fleet;
        _store = store;
        _journal = journal;
        _evaluation = new StateEvaluation(evaluator, clientEvaluator);
        _observers = observers ?? [];
        _time = time ?? TimeProvider.System;
        _simulation = settings.Simulation is { } behaviour ? new SimulatedClients(behaviour, settings.Seed) : null;
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

        StateHashes hashes = Store(state);
        var failing = new SortedDictionary<int, ClientExclusion>(); // over the abandoned rounds in a row
        for (int round = state.Round + 1; round <= _settings.Rounds && EndBefore(round, state) is null; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var seconds = new PhaseClock(_time);

            // 1. The cohort follows from (seed, round).
            IReadOnlyList<int> cohort = Cohort(round);
            int wanted = Math.Min(_settings.ClientsPerRound, cohort.Count);
            SimulatedRound? simulated = _simulation?.Of(round, cohort);
            Notify(o => o.RoundStarted(round, cohort));

            // 2. One small instruction for all of them: the global state goes by its hashes.
            double learningRate = _settings.LearningRate.At(round);
            RoundInstruction instruction = Instruct(round, state, hashes, cohort, learningRate);
            RoundPayload payload = Payload(round, state);

            // 3. The clients train; membership closes, in the journal, before anything is summed. Where it was closed before an interruption,
            //    the list and the stored updates stand: nobody trains again.
            IReadOnlyList<ClientOutcome>? outcomes = _journal.ClosedMembership(instruction);
            if (outcomes is null)
            {
                var check = new OutcomeCheck(_store, PrivateStates(instruction), instruction.UsesControlVariates);
                var training = new RoundTraining(_fleet, check, outcome => Notify(o => o.ClientFinished(round, outcome)));
                outcomes = await training.RunAsync(instruction, cohort, wanted, simulated, payload.Update, cancellationToken);
                seconds.Charge("train");
                _journal.CloseMembership(instruction, outcomes);
                seconds.Charge("checkpoint");
            }

            ClientReceipt[] members = [.. outcomes.OfType<ClientReceipt>().OrderBy(m => m.Client)];
            ClientExclusion[] excluded = [.. outcomes.OfType<ClientExclusion>().OrderBy(e => e.Client)];
            int needed = _settings.MembersNeeded(wanted);
            bool quorate = members.Length >= needed;
            long bytesDown = cohort.Sum(payload.Down);
            long bytesUp = members.Sum(m => payload.Up(m.Client));
            TensorSet? meanDelta = null;
            if (quorate)
            {
                // 4. Updates combine as the LoRA aggregation says: most stream through a fixed-point sum, one in memory at a time.
                var updates = new MemberUpdates(members, _optimizer.Weighting, _store);
                Combined combined = _aggregation.Combine(round, state, updates, cancellationToken);
                meanDelta = combined.MeanDelta;
                TensorSet? control = instruction.UsesControlVariates ? updates.MeanControlDelta(meanDelta!.Layout, cancellationToken) : null;
                seconds.Charge("aggregate");

                // 5. The server optimizer steps along the mean, unless the aggregation made the adapter anew.
                ServerStep step;
                if (combined.Adapter is { } anew)
                {
                    step = new ServerStep(anew, state.ServerState);
                }
                else
                {
                    var mean = new MeanUpdate(meanDelta!, members.Length) { ControlDelta = control };
                    step = TensorParts.Step(_optimizer, round - 1, state.Adapter, mean, state.ServerState);
                }

                state = state with
                {
                    Adapter = step.Adapter,
                    ServerState = step.State,
                    BaseCorrection = combined.BaseCorrection,
                    PrivateStates = state.PrivateStatesAfter(members),
                    AbandonedInARow = 0,
                };
                failing.Clear();
                seconds.Charge("aggregate");
                hashes = Store(state);
                seconds.Charge("checkpoint");
            }
            else
            {
                state = state with { AbandonedInARow = state.AbandonedInARow + 1 };
                foreach (ClientExclusion exclusion in excluded)
                {
                    failing[exclusion.Client] = exclusion;
                }
            }

            ClientRecord[] clients = MemberRecords.Of(members, meanDelta, payload, _store, cancellationToken);
            seconds.Charge("aggregate");
            state = state with { Round = round, BytesMoved = state.BytesMoved + bytesDown + bytesUp };

            // 6. Every k rounds and after the last: what is the global state worth?
            string? ended = EndBefore(round + 1, state);
            bool evaluated = round % _settings.EvaluateEvery == 0 || round == _settings.Rounds || ended is not null;
            (IReadOnlyDictionary<string, double>? evaluation, IReadOnlyList<ClientEvaluation>? own) = evaluated
                ? await _evaluation.OfAsync(instruction, state, quorate ? members : [], seconds, cancellationToken)
                : default;

            // 7. One commit of the new state with the round's record; observers hear of it afterwards.
            var record = new RoundRecord
            {
                Round = round,
                Cohort = cohort,
                Clients = clients,
                TrainLoss = members.Length == 0 ? null : members.Sum(m => m.Weight * m.Metrics.Loss) / members.Sum(m => m.Weight),
                Rewards = ClientRewards.Mean(members),
                Evaluation = evaluation,
                ClientEvaluation = own,
                LearningRate = learningRate,
                BytesDown = bytesDown,
                BytesUp = bytesUp,
                Excluded = [.. excluded.Select(e => e with { BytesDown = payload.Down(e.Client) })],
                Abandoned = quorate ? null : $"{members.Length} of {cohort.Count} sampled clients sent a usable update; the quorum is {needed}",
                SimulatedSeconds = simulated?.ClosedAt([.. members.Select(m => m.Client)], wanted),
                Ended = ended,
                Seconds = seconds.Phases,
                Adapter = hashes.Result,
                BaseCorrection = hashes.BaseCorrection,
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
        (IReadOnlyDictionary<string, double>? evaluation, IReadOnlyList<ClientEvaluation>? own) = await _evaluation.OfAsync(null, state, [], seconds, cancellationToken);
        var record = new RoundRecord
        {
            Round = 0,
            Evaluation = evaluation,
            ClientEvaluation = own,
            Seconds = seconds.Phases,
            Ended = EndBefore(1, state),
            Adapter = stateHash,
        };
        cancellationToken.ThrowIfCancellationRequested();
        _journal.Commit(state, record);
        Notify(o => o.RoundCommitted(record));
        return state;
    }

    private IReadOnlyList<int> Cohort(int round) => _sampler.Draw(_settings.Seed, round, _settings.Clients, _settings.CohortCount());

    private RoundPayload Payload(int round, GlobalState state) => new(_aggregation, round, state, _optimizer.Client.UsesControlVariates);

    private StateHashes Store(GlobalState state)
    {
        string adapter = _store.Put(state.Adapter);
        return state.BaseCorrection is { } correction
            ? new StateHashes(adapter, _store.Put(correction), _store.HashOf(_aggregation.Result(state)))
            : new StateHashes(adapter, null, adapter);
    }

    private RoundInstruction Instruct(int round, GlobalState state, StateHashes hashes, IReadOnlyList<int> cohort, double learningRate)
    {
        TensorLayout uploaded = LoraNames.Part(state.Adapter.Layout, _aggregation.Uploaded(round));
        return new RoundInstruction(_settings.RunId, round, hashes.Adapter, learningRate)
        {
            BaseCorrectionHash = hashes.BaseCorrection,
            Trained = _aggregation.Trained(round),
            Uploaded = _aggregation.Uploaded(round),
            ProximalMu = _optimizer.Client.ProximalMu,
            UsesControlVariates = _optimizer.Client.UsesControlVariates,
            ControlVariateHash = _optimizer.Client.UsesControlVariates && TensorParts.Find(state.ServerState, Scaffold.ControlName, uploaded) is { } control
                ? _store.Put(control)
                : null,
            PrivateStates = state.PrivateStatesOf(cohort),
        };
    }

    // What every member must name: its control variate, and the factors that it trains and keeps.
    private static string[] PrivateStates(RoundInstruction instruction) =>
    [
        .. instruction.UsesControlVariates ? [ControlVariates.PrivateName(instruction.Uploaded)] : Array.Empty<string>(),
        .. (instruction.Trained & ~instruction.Uploaded) != LoraFactors.None ? [FedSaLora.PrivateB] : Array.Empty<string>(),
    ];

    // Why the run must end before a round that is planned, or null: the round could exceed the communication budget.
    private string? EndBefore(int round, GlobalState state)
    {
        if (_settings.CommunicationBudget is not { } budget || round > _settings.Rounds)
        {
            return null;
        }

        IReadOnlyList<int> cohort = Cohort(round);
        RoundPayload payload = Payload(round, state);
        long most = cohort.Sum(payload.Down) + cohort.Select(payload.Up).OrderDescending().Take(_settings.ClientsPerRound).Sum();
        return state.BytesMoved + most <= budget
            ? null
            : $"{state.BytesMoved} bytes were moved, and round {round} could move {most}: more than the communication budget of {budget} bytes";
    }

    private void Notify(Action<IRunObserver> tell)
    {
        foreach (IRunObserver observer in _observers)
        {
            tell(observer);
        }
    }

    // Of the two parts of a state, and of both as one adapter.
    private sealed record StateHashes(string Adapter, string? BaseCorrection, string Result);
}
