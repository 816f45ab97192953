using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FedLLM.DemoData.Instructions;

/// <summary>Writes the dataset as JSON lines with a README that counts it.</summary>
internal static class DatasetWriter
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,

        // Apostrophes and comparison signs stay readable; the files are never embedded in HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes <c>client_00.jsonl</c> on, <c>held_out.jsonl</c>, <c>showcase.jsonl</c> and <c>README.md</c> into <paramref name="folder"/>.</summary>
    public static void Write(Dataset data, ulong seed, string folder)
    {
        Directory.CreateDirectory(folder);
        for (int client = 0; client < data.Clients.Count; client++)
        {
            Save(folder, $"{ClientName(client)}.jsonl", Lines(data.Clients[client]));
        }

        Save(folder, "held_out.jsonl", Lines(data.HeldOut));
        Save(folder, "showcase.jsonl", Lines(data.Showcase));
        Save(folder, "README.md", Readme(data, seed));
    }

    private static string ClientName(int client) => $"client_{client:00}";

    private static string Lines(IEnumerable<Sample> samples) => string.Concat(samples.Select(s => JsonSerializer.Serialize(s, Format) + "\n"));

    private static void Save(string folder, string name, string text) => File.WriteAllBytes(Path.Combine(folder, name), Encoding.ASCII.GetBytes(text));

    private static string Readme(Dataset data, ulong seed)
    {
        StringBuilder text = new();
        text.Append("# The demo's instruction data\n\n");
        text.Append($"Written by `dotnet run -c Release --project demo/Generator -- instructions --out demo/data --seed {seed}`; do not edit. How and why: `docs/demo.md`.\n\n");
        text.Append($"{data.Clients.Count} clients hold {data.Clients.Sum(c => c.Count)} samples in {Categories.All.Count} categories; ");
        text.Append($"`held_out.jsonl` holds {data.HeldOut.Count}, {Dataset.HeldOutPerCategory} of each category, about subjects that no client asks about; `showcase.jsonl` repeats {data.Showcase.Count} of them for display.\n");
        text.Append("Fields: `instruction`, `context` (may be empty), `response`, `category`. All text is synthetic and under the project's licence.\n\n");
        text.Append("| client | samples | categories |\n|---|---:|---|\n");
        for (int client = 0; client < data.Clients.Count; client++)
        {
            IEnumerable<string> shares = data.Clients[client].CountBy(s => s.Category).OrderByDescending(p => p.Value).ThenBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key} {p.Value}");
            text.Append($"| {ClientName(client)} | {data.Clients[client].Count} | {string.Join(", ", shares)} |\n");
        }

        text.Append("\n| category | samples of clients | clients that hold it |\n|---|---:|---:|\n");
        foreach (string name in Categories.All.Select(c => c.Name))
        {
            text.Append($"| {name} | {data.Clients.Sum(c => c.Count(s => s.Category == name))} | {data.Clients.Count(c => c.Any(s => s.Category == name))} |\n");
        }

        return text.ToString();
    }
}
