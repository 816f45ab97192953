using Orleans.Services;

namespace FedLLM.GrainInterfaces;

/// <summary>What a silo says of itself; one on each silo.</summary>
[Alias("fedllm.ISiloReportService")]
public interface ISiloReportService : IGrainService
{
    /// <summary>Returns what it does at the moment. Changes nothing.</summary>
    [Alias("Report")]
    Task<SiloReport> ReportAsync();
}

/// <summary>What a silo does at one moment.</summary>
/// <param name="MemoryBytes">Memory of its process that is in RAM.</param>
/// <param name="Processors">Share of its machine's processors in use, 0 to 1; null where it cannot tell.</param>
/// <param name="Devices">Its training devices.</param>
/// <param name="MessagesSent">Messages it has sent to other silos and to Orleans clients since it started.</param>
/// <param name="BytesSent">Their bytes.</param>
/// <param name="MessagesWithin">Messages that its grains sent to grains of its own.</param>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.silo-report.1")]
public sealed record SiloReport(
    [property: Id(0)] long MemoryBytes, [property: Id(1)] double? Processors, [property: Id(2)] DeviceReport[] Devices, [property: Id(3)] long MessagesSent,
    [property: Id(4)] long BytesSent, [property: Id(5)] long MessagesWithin);

/// <summary>What a training device does at one moment.</summary>
/// <param name="Name">Its name: <c>cpu</c>, <c>cuda:1</c>.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Lanes">Most clients of the run that it trains that are given to it at a time; 0 while it trains none.</param>
/// <param name="Training">The clients it trains.</param>
/// <param name="Waiting">The clients that wait for it, the next first; the first of them where there are many.</param>
/// <param name="WaitingCount">How many wait.</param>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.device-report.1")]
public sealed record DeviceReport(
    [property: Id(0)] string Name, [property: Id(1)] string Kind, [property: Id(2)] int Lanes, [property: Id(3)] ClientWork[] Training, [property: Id(4)] ClientWork[] Waiting,
    [property: Id(5)] int WaitingCount);

/// <summary>A client's training in a round.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Round">The round.</param>
/// <param name="Client">Client id, from 0.</param>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.client-work.1")]
public sealed record ClientWork([property: Id(0)] string Run, [property: Id(1)] int Round, [property: Id(2)] int Client);
