using FedLLM.Dashboard.Feed;
using FedLLM.GrainInterfaces;

namespace FedLLM.Silo.Api;

/// <summary>Silos as the dashboard shows them.</summary>
internal static class SiloRows
{
    /// <summary>Joins what the membership knows of a silo with what it says of itself, and the activations that are counted on it.</summary>
    public static SiloRow Of(MembershipEntry member, SiloReport? report, IReadOnlyList<SimpleGrainStatistic> activations) => new()
    {
        Name = member.SiloName,
        Address = member.SiloAddress.Endpoint.ToString(),
        State = member.Status switch
        {
            SiloStatus.Active => SiloState.Active,
            SiloStatus.Created or SiloStatus.Joining => SiloState.Joining,
            SiloStatus.ShuttingDown or SiloStatus.Stopping => SiloState.Leaving,
            _ => SiloState.Dead,
        },
        Joined = new DateTimeOffset(DateTime.SpecifyKind(member.StartTime, DateTimeKind.Utc)),
        MemoryBytes = report?.MemoryBytes,
        Processors = report?.Processors,
        MessagesSent = report?.MessagesSent,
        BytesSent = report?.BytesSent,
        MessagesWithin = report?.MessagesWithin,
        Devices = [.. report?.Devices.Select(d => new DeviceRow(d.Name, d.Kind, Of(d.Training), Of(d.Waiting)) { Lanes = d.Lanes, WaitingCount = d.WaitingCount }) ?? []],
        Activations = activations.Where(a => a.SiloAddress.Equals(member.SiloAddress)).GroupBy(a => a.GrainType, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => (long)g.Sum(a => a.ActivationCount), StringComparer.Ordinal),
    };

    private static ClientTraining[] Of(ClientWork[] clients) => [.. clients.Select(c => new ClientTraining(c.Run, c.Round, c.Client))];
}
