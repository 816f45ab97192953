using System.Text.Json;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>Reads what a run's files say of its clients.</summary>
internal static class RunJournals
{
    /// <summary>Returns, for each client and round whose training was finished, how often it was.</summary>
    public static IReadOnlyList<(int Round, int Client, int Times)> Trainings(string directory) =>
    [
        .. Lines(directory, "journal.jsonl")
            .Select(l => l.GetProperty("entry"))
            .Where(e => e.TryGetProperty("receipt", out _))
            .Select(e => e.GetProperty("receipt"))

            // Another training has another duration, a receipt that is told twice has not.
            .Select(r => (Round: r.GetProperty("round").GetInt32(), Client: r.GetProperty("client").GetInt32(), Seconds: r.GetProperty("seconds").GetDouble()))
            .Distinct()
            .GroupBy(r => (r.Round, r.Client))
            .Select(g => (g.Key.Round, g.Key.Client, g.Count())),
    ];

    /// <summary>Returns why clients were excluded from rounds.</summary>
    public static IReadOnlyList<string> Exclusions(string directory) =>
        [.. Lines(directory, "rounds.jsonl").SelectMany(r => r.GetProperty("excluded").EnumerateArray()).Select(e => e.GetProperty("reason").GetString()!)];

    private static IEnumerable<JsonElement> Lines(string directory, string file)
    {
        using var reader = new StreamReader(new FileStream(Path.Combine(directory, file), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        string[] lines = reader.ReadToEnd().Split('\n');
        return lines[..^1].Select(l => JsonDocument.Parse(l).RootElement.Clone());
    }
}
