using System.Diagnostics;
using FedLLM.Experiments.Messaging;
using FedLLM.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Services;
using Orleans.Statistics;

namespace FedLLM.Grains;

/// <summary>Tells what this silo does.</summary>
/// <param name="id">The service's place on this silo.</param>
/// <param name="silo">The silo.</param>
/// <param name="loggers">Makes logs.</param>
/// <param name="devices">Its training devices.</param>
/// <param name="statistics">Knows its machine.</param>
/// <param name="messages">Counts its messages.</param>
public sealed class SiloReportService(GrainId id, Silo silo, ILoggerFactory loggers, DevicePool devices, IEnvironmentStatisticsProvider statistics, SentMessages messages)
    : GrainService(id, silo, loggers), ISiloReportService
{
    // A page names a few; a thousand in each report would be read by nobody.
    private const int Named = 32;

    /// <inheritdoc/>
    public Task<SiloReport> ReportAsync()
    {
        using var process = Process.GetCurrentProcess();
        float used = statistics.GetEnvironmentStatistics().RawCpuUsagePercentage;
        double? processors = float.IsFinite(used) ? Math.Clamp(used / 100d, 0, 1) : null;
        (long sent, long bytes, long within) = messages.Read();
        return Task.FromResult(new SiloReport(process.WorkingSet64, processors, [.. devices.Working.Select(Of)], sent, bytes, within));
    }

    private static DeviceReport Of(PooledDevice device)
    {
        DeviceWork work = device.Runs.Work;
        return new DeviceReport(device.Name, device.Kind, work.AtOnce, Named(work.Training, int.MaxValue), Named(work.Waiting, SiloReportService.Named), work.Waiting.Count);

        static ClientWork[] Named(IReadOnlyList<QueuedClient> clients, int most) => [.. clients.Take(most).Select(c => new ClientWork(c.Run, c.Round, c.Client))];
    }
}

/// <summary>Asks silos what they do.</summary>
public interface ISiloReports : Orleans.Services.IGrainServiceClient<ISiloReportService>
{
    /// <summary>Returns what a silo says of itself.</summary>
    Task<SiloReport> OfAsync(SiloAddress silo);
}

/// <summary>Asks silos over the cluster's own connections.</summary>
/// <param name="services">The silo's services.</param>
public sealed class SiloReports(IServiceProvider services) : GrainServiceClient<ISiloReportService>(services), ISiloReports
{
    /// <inheritdoc/>
    public Task<SiloReport> OfAsync(SiloAddress silo) => GetGrainService(silo).ReportAsync();
}
