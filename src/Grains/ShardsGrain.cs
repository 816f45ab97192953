using FedLLM.Data.Shards;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Orleans.Placement;

namespace FedLLM.Grains;

/// <summary>Counts the pinned shards of its silo for one run, on a thread of its own.</summary>
/// <param name="hosting">What the silo has.</param>
/// <param name="clock">Measures time.</param>
/// <param name="log">Hears of faults of this silo.</param>
[PinnedPlacementFilter]
[RandomPlacement]
public sealed class ShardsGrain(RunHosting hosting, TimeProvider clock, ILogger<ShardsGrain> log) : Grain, IShardsGrain
{
    private Experiment? _experiment;
    private Task<IReadOnlyList<PinnedShard>>? _counted;

    /// <inheritdoc/>
    public async Task<ShardsReply> CountAsync(RunSpec spec, int from)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ShardsKey key = ShardsKey.Parse(this.GetPrimaryKeyString());
        Experiment experiment = RunSpecs.Read(key.Run, spec);
        PreparedRuns prepared = hosting.Prepared;
        if (prepared.Shards.Silo != key.Silo)
        {
            return new ShardsReply { Problem = "another silo was asked for them" };
        }

        if (_counted is null || _experiment != experiment)
        {
            _experiment = experiment;
            _counted = Task.Factory.StartNew(() => prepared.CountShards(experiment), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        await Task.WhenAny(_counted, Task.Delay(ClientGrain.Patience, clock));
        if (!_counted.IsCompleted)
        {
            return new ShardsReply { IsCounting = true };
        }

        try
        {
            IReadOnlyList<PinnedShard> shards = await _counted;
            RegisteredShard[] some = ShardMessages.Some(shards.Skip(from));
            if (from + some.Length >= shards.Count)
            {
                // Nobody asks for more, and what is counted is counted anew for the next who asks.
                DeactivateOnIdle();
            }

            return new ShardsReply { Total = shards.Count, Shards = some };
        }
        catch (Exception fault)
        {
            DeactivateOnIdle();
            return new ShardsReply { Problem = Faults.Describe(fault, this.GetPrimaryKeyString(), log) };
        }
    }
}
