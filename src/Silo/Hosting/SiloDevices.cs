using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FedLLM.Silo.Hosting;

/// <summary>
/// A silo's training devices: a queue and base models for each. A device that fails is withdrawn; with the last of a kind the silo ends: it was taken for one that has the
/// kind when it joined, so only then are its clients placed on others, and whoever watches over it can start it anew.
/// </summary>
public sealed partial class SiloDevices : IAsyncDisposable
{
    private readonly DeviceQueue[] _queues;
    private readonly HostedRuns[] _hosts;

    /// <summary>Opens the devices' queues.</summary>
    public SiloDevices(
        string store, IRunFiles files, SiloSettings settings, IReadOnlyList<TrainingDevice> devices, TokenizerLoader tokenizers, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<SiloDevices> log)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(devices);
        ArgumentNullException.ThrowIfNull(lifetime);
        int threads = settings.Threads ?? Environment.ProcessorCount;
        ShardFolder shards = settings.ShardFolder();

        // Coordinators share the base models of the first device of each kind.
        TrainingDevice[] first = [.. devices.DistinctBy(d => d.Kind)];
        Prepared = new PreparedRuns(threads, 2 * Math.Max(1, first.Length), new FirstOfEachKind(first), tokenizers, shards);
        PreparedRuns[] prepared =
            [.. devices.Select(d => first.Contains(d) ? Prepared : new PreparedRuns(threads, devices: d.Devices, tokenizers: tokenizers, shards: shards))];
        _queues = [.. devices.Select(_ => new DeviceQueue(TimeSpan.FromMilliseconds(settings.GatherMilliseconds), clock))];
        _hosts = [.. prepared.Select((p, i) => new HostedRuns(store, p, _queues[i], clock) { Files = files })];
        Pool = new DevicePool([.. devices.Select((d, i) => new PooledDevice(d.Name, d.Kind, _hosts[i]))], (pool, device, failure) =>
        {
            Withdrawn(log, failure);
            if (pool.Working.All(d => d.Kind != device.Kind))
            {
                Ends(log, device.Kind);
                lifetime.StopApplication();
            }
        });
    }

    /// <summary>Where clients train.</summary>
    public DevicePool Pool { get; }

    /// <summary>What coordinators read and evaluate with: the base models of the first device of each kind.</summary>
    public PreparedRuns Prepared { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (DeviceQueue queue in _queues)
        {
            await queue.DisposeAsync().ConfigureAwait(false);
        }

        foreach (HostedRuns host in _hosts)
        {
            host.Dispose();
        }
    }

    // What is of no device's kind is the CPU engine's, or refused.
    private sealed class FirstOfEachKind(TrainingDevice[] devices) : ILearnerDevices
    {
        public LearnerDevice Find(DeviceKind kind, string key = "model.device") =>
            (devices.FirstOrDefault(d => d.Kind == DeviceNames.Of(kind))?.Devices ?? CpuDevices.OfThisMachine()).Find(kind, key);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A training device is withdrawn; its clients go to others")]
    private static partial void Withdrawn(ILogger log, Exception failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "No training device of kind {Kind} is left: the silo ends")]
    private static partial void Ends(ILogger log, string kind);
}
