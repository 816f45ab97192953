using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FedLLM.Silo.Trust;

/// <summary>Says at the start that nothing guards the silo's ports.</summary>
internal sealed partial class InsecureWarning(ILogger<InsecureWarning> log) : IHostedService
{
    /// <summary>What it says.</summary>
    public const string Text =
        "INSECURE: connections between silos are neither encrypted nor authenticated (--insecure). Whoever reaches a silo's port or gateway can read and change every run.";

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        LogWarning(log, Text);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void LogWarning(ILogger log, string warning);
}
