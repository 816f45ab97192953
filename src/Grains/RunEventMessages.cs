using System.Text;
using System.Text.Json;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Turns what happens in a run into messages.</summary>
internal static class RunEventMessages
{
    /// <summary>Returns an event as a message.</summary>
    public static RunEventMessage Of(RunEvent happened) => happened switch
    {
        { Cohort: { } cohort } => Make(happened, "round-started", new { round = happened.Round, cohort }),
        { Client: ClientReceipt { Metrics: var metrics } client } => Make(happened, "client-finished", new
        {
            round = happened.Round,
            client = client.Client,
            loss = double.IsFinite(metrics.Loss) ? (double?)metrics.Loss : null,
            tokens = metrics.Tokens,
            seconds = metrics.Seconds,
            weight = client.Weight,
        }),
        { Client: ClientExclusion client } => Make(happened, "client-finished", new { round = happened.Round, client = client.Client, reason = client.Reason }),
        { Committed: { } record } => new RunEventMessage(happened.Number, "round-committed", Encoding.UTF8.GetString(RoundLines.ToBytes(record)).TrimEnd('\n')),
        { Phase: { } phase } => Make(happened, "phase", new { phase = phase.Phase.ToString().ToLowerInvariant(), reason = phase.Reason }),
        _ => throw new InvalidOperationException("The event says nothing."),
    };

    private static RunEventMessage Make<T>(RunEvent happened, string kind, T content) => new(happened.Number, kind, JsonSerializer.Serialize(content));
}
