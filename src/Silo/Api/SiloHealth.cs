using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace FedLLM.Silo.Api;

/// <summary>Whether this silo takes work: it is an active member of its cluster.</summary>
/// <param name="members">What this silo knows of the membership.</param>
internal sealed class SiloHealth(ISiloStatusOracle members) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        members.CurrentStatus == SiloStatus.Active ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"The silo is {members.CurrentStatus}."));
}
