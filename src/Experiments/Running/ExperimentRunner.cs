using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>A finished run.</summary>
/// <param name="Directory">The run directory.</param>
/// <param name="AdapterFolder">Where the final adapter lies, in PEFT's layout.</param>
/// <param name="AdapterHash">SHA-256, lower-case hex, of its canonical <c>adapter_model.safetensors</c>.</param>
/// <param name="Adapter">The final adapter.</param>
/// <param name="Rounds">Every round's record, from round 0.</param>
public sealed record RunResult(string Directory, string AdapterFolder, string AdapterHash, TensorSet Adapter, IReadOnlyList<RoundRecord> Rounds);

/// <summary>Runs a prepared experiment, or continues it where its run directory left off. The rounds are driven in this process.</summary>
public sealed class ExperimentRunner(PreparedExperiment prepared, TimeProvider clock)
{
    /// <summary>Hears, a line each, what was found damaged in the run directory and is not used.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>The clients, where they live in other processes; by default they train in this one.</summary>
    public IClientFleet? Fleet { get; init; }

    /// <summary>What the run directory is kept on; the operating system's files by default.</summary>
    public IRunFiles Files { get; init; } = DiskFiles.Instance;

    /// <summary>Asked before each commit whether this process may still commit, or null where nobody else could.</summary>
    public ICommitFence? Fence { get; init; }

    /// <summary>
    /// Runs to the last round. A directory that holds an unfinished run of the same experiment is continued; of a finished one, the result is returned.
    /// </summary>
    /// <param name="directory">The run directory; made if absent.</param>
    /// <param name="observers">Hear of the run's progress.</param>
    /// <param name="cancellationToken">Stops after the running optimizer steps; the run can be continued.</param>
    /// <exception cref="Engine.Files.InputFileException">The directory belongs to another experiment or is in use.</exception>
    /// <exception cref="RunStorageException">The directory cannot be read or written.</exception>
    /// <exception cref="RunAbandonedException">Too many rounds in a row were abandoned.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public async Task<RunResult> RunAsync(string directory, IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        // The parts: a directory that holds the state, a fleet that trains, an evaluator, and the loop that joins them.
        Experiment experiment = prepared.Experiment;
        int threads = experiment.Training.Threads ?? Environment.ProcessorCount;
        var adapter = StateAdapter.For(experiment);
        ILoraAggregation aggregation = LoraAggregations.For(experiment.Federation.LoraAggregation, experiment.Lora, (ulong)experiment.Seed);
        using RunDirectory run = RunDirectory.Open(directory, experiment, prepared.Inputs, Files);
        foreach (string warning in run.Warnings)
        {
            Warn?.Invoke(warning);
        }

        run.WriteClients(prepared.Reports);
        using EmbeddedFleet? embedded = Fleet is null
            ? new EmbeddedFleet(CohortTrainers.For(prepared, Participation.Training(prepared), clock), run.Store, run.Journal, aggregation)
            : null;
        IClientFleet fleet = embedded as IClientFleet ?? new JournalledFleet(Fleet!, run.Journal);
        IRunJournal journal = Fence is null ? run.Journal : new FencedJournal(run.Journal, Fence);
        using var losses = new LossSuite(prepared.Learner, threads);
        using var preferences = new PreferenceSuite(prepared.Learner, threads);
        var clients = new ClientAdapters(LoraAggregations.ConfigOf(experiment.Lora, experiment.Lora.ToConfig()), aggregation, run.Store);
        Evaluators evaluators = Evaluators.For(prepared, losses, preferences, adapter, clients);
        var loop = new RunLoop(
            Participation.Settings(prepared, run.Identity), Participation.Sampler(prepared), ServerOptimizers.For(experiment.Federation, prepared.Shards.Clients), fleet, run.Store, journal,
            evaluators.Global, observers, clock, aggregation, evaluators.Personal);

        // The run.
        GlobalState final = await loop.RunAsync(prepared.InitialAdapter(), cancellationToken).ConfigureAwait(false);

        IReadOnlyList<RoundRecord> rounds = RoundLines.Read(Path.Combine(run.Root, "rounds.jsonl"), Files);
        return new RunResult(run.Root, run.AdapterFolder, rounds[^1].Adapter, final.Adapter, rounds);
    }
}
