using System.Globalization;
using System.Text.Json;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Rendering;

/// <summary>The clients whose updates did not count, over a run's rounds.</summary>
/// <param name="Count">How often a sampled client did not count.</param>
/// <param name="Sampled">How often a client was sampled.</param>
/// <param name="Clients">Each such client with its number of times and its latest reason, the most frequent first.</param>
internal sealed record Exclusions(int Count, int Sampled, IReadOnlyList<(int Client, int Times, string Reason)> Clients)
{
    private const int NamedAtMost = 5;

    /// <summary>Counts them.</summary>
    public static Exclusions Of(IReadOnlyList<RoundRecord> records)
    {
        ClientExclusion[] all = [.. records.SelectMany(r => r.Excluded)];
        return new Exclusions(
            all.Length,
            records.Sum(r => r.Cohort.Count),
            [.. all.GroupBy(e => e.Client).Select(g => (g.Key, g.Count(), g.Last().Reason)).OrderByDescending(c => c.Item2).ThenBy(c => c.Key)]);
    }

    /// <summary>One line for people.</summary>
    public override string ToString()
    {
        if (Count == 0)
        {
            return "none";
        }

        IEnumerable<string> named = Clients.Take(NamedAtMost).Select(c => string.Create(CultureInfo.InvariantCulture, $"client {c.Client} {c.Times} times ({c.Reason})"));
        string more = Clients.Count > NamedAtMost ? $"; and {Clients.Count - NamedAtMost} more clients" : string.Empty;
        return $"{Figures.Count(Count)} of {Figures.Count(Sampled)} sampled: {string.Join("; ", named)}{more}";
    }

    /// <summary>The key <c>excluded</c> for machines, every client named.</summary>
    public void Write(Utf8JsonWriter document)
    {
        document.WriteStartObject("excluded");
        document.WriteNumber("count", Count);
        document.WriteNumber("sampled", Sampled);
        document.WriteStartArray("clients");
        foreach ((int client, int times, string reason) in Clients)
        {
            document.WriteStartObject();
            document.WriteNumber("id", client);
            document.WriteNumber("count", times);
            document.WriteString("reason", reason);
            document.WriteEndObject();
        }

        document.WriteEndArray();
        document.WriteEndObject();
    }
}
