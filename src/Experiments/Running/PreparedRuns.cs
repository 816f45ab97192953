using FedLLM.Data.Shards;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Pinning;

namespace FedLLM.Experiments.Running;

/// <summary>
/// The experiments that this process has read model and data of, kept for whoever asks next: coordinator and clients of a run share one base model. Those asked
/// for longest ago are let go.
/// </summary>
/// <param name="threads">Threads of this process that train and evaluate, at least 1; they stand in the place of the experiments' own.</param>
/// <param name="most">Most experiments kept, at least 1.</param>
/// <param name="devices">Where they compute; the CPU engine alone by default.</param>
/// <param name="tokenizers">Loads their tokenizers; <see cref="TokenizerDirectory"/> by default.</param>
/// <param name="shards">The pinned shards that lie here; none by default.</param>
public sealed class PreparedRuns(int threads, int most = 2, ILearnerDevices? devices = null, TokenizerLoader? tokenizers = null, ShardFolder? shards = null)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Entry> _byUse = new();

    /// <summary>The pinned shards that lie here.</summary>
    public ShardFolder Shards { get; } = shards ?? ShardFolder.None;

    /// <summary>Counts an experiment's pinned shards that lie here.</summary>
    /// <exception cref="Engine.Files.InputFileException">A shard is defective; the message names file and line, and no content.</exception>
    public IReadOnlyList<PinnedShard> CountShards(Experiment experiment) => ShardCount.Of(experiment, Shards, tokenizers ?? TokenizerDirectory.Load);

    /// <summary>Returns an experiment with everything it names read and checked, on a thread of its own where that is not done yet. What fails is tried again the next time.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="pinned">Its clients, where their shards are pinned to silos; null where all shards can be read here.</param>
    /// <exception cref="Engine.Files.InputFileException">A file it names is missing, damaged or does not fit the others.</exception>
    public Task<PreparedExperiment> GetAsync(Experiment experiment, PinnedClients? pinned = null)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        Experiment here = experiment with { Training = experiment.Training with { Threads = threads } };
        lock (_gate)
        {
            Entry? found = _byUse.FirstOrDefault(e => e.Experiment == here && e.Pinned == pinned?.Version && !e.Prepared.IsFaulted);
            if (found is not null)
            {
                _byUse.Remove(found);
            }
            else
            {
                Forget(here);
                var place = pinned is null ? null : new PinnedPlace(pinned, Shards);
                found = new Entry(here, pinned?.Version, Task.Factory.StartNew(
                    () => PreparedExperiment.Prepare(here, devices: devices, tokenizers: tokenizers, pinned: place),
                    CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
            }

            _byUse.AddFirst(found);
            while (_byUse.Count > most)
            {
                _byUse.RemoveLast();
            }

            return found.Prepared;
        }
    }

    /// <summary>Lets an experiment go, so that its files are read anew the next time.</summary>
    public void Refresh(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        lock (_gate)
        {
            Forget(experiment with { Training = experiment.Training with { Threads = threads } });
        }
    }

    private void Forget(Experiment here)
    {
        foreach (Entry entry in _byUse.Where(e => e.Experiment == here).ToArray())
        {
            _byUse.Remove(entry);
        }
    }

    private sealed record Entry(Experiment Experiment, string? Pinned, Task<PreparedExperiment> Prepared);
}
