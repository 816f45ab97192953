using System.Globalization;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>How long a storage stays away after a run was seen to wait for it: no longer, or as many seconds as FEDLLM_OUTAGE_SECONDS says.</summary>
internal static class Outage
{
    private const string Variable = "FEDLLM_OUTAGE_SECONDS";

    public static Task PassAsync() =>
        double.TryParse(Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out double seconds) ? Task.Delay(TimeSpan.FromSeconds(seconds)) : Task.CompletedTask;
}
