using System.Text.Json;

namespace FedLLM.TestSupport;

/// <summary>The demo's shards, dealt out to silos: each lies in the folder of one of them.</summary>
public sealed class PinnedDemo : IDisposable
{
    /// <summary>What makes the demo's experiment one of pinned shards.</summary>
    public static IReadOnlyList<string> Overrides { get; } = ["data.placement=pinned", "data.partition.clients=20"];

    private readonly string _root = Directory.CreateTempSubdirectory("fedllm-pinned-").FullName;

    /// <summary>Deals them out in turn.</summary>
    /// <param name="silos">The silos' names.</param>
    public PinnedDemo(params string[] silos)
    {
        foreach (string silo in silos)
        {
            Directory.CreateDirectory(DataOf(silo));
        }

        string[] shards = [.. Directory.EnumerateFiles(Path.Combine(DemoExperiment.Folder, "..", "demo", "data"), "client_*.jsonl").Order(StringComparer.Ordinal)];
        foreach ((int i, string shard) in shards.Index())
        {
            File.Copy(shard, Path.Combine(DataOf(silos[i % silos.Length]), Path.GetFileName(shard)));
        }
    }

    /// <summary>Plants a text in every shard of a silo, as a record's instruction, context, response and label; in the folder <c>pairs</c>, pairs of answers are made of them.</summary>
    public void Plant(string silo, string text)
    {
        string pairs = Directory.CreateDirectory(Path.Combine(FolderOf(silo), "pairs")).FullName;
        foreach (string shard in Directory.EnumerateFiles(DataOf(silo)))
        {
            File.AppendAllText(shard, JsonSerializer.Serialize(new { instruction = text, context = text, response = text, category = text }) + "\n");
            File.WriteAllLines(Path.Combine(pairs, Path.GetFileName(shard)), File.ReadLines(shard).Select(line => JsonDocument.Parse(line).RootElement).Select(record =>
                JsonSerializer.Serialize(new { prompt = record.GetProperty("instruction").GetString(), chosen = record.GetProperty("response").GetString(), rejected = "No, " + text })));
        }
    }

    /// <summary>Makes, on one silo, the folder <c>broken</c> with a shard whose second line is no JSON and holds a text; returns its path.</summary>
    public string Break(string silo, string text)
    {
        string file = Path.Combine(Directory.CreateDirectory(Path.Combine(FolderOf(silo), "broken")).FullName, "client_00.jsonl");
        string whole = File.ReadLines(Directory.EnumerateFiles(DataOf(silo)).First()).First();
        File.WriteAllLines(file, [whole, $"{{\"instruction\": \"{text}\", {text}", whole]);
        return file;
    }

    /// <summary>The settings of a silo that holds its part.</summary>
    public string[] Settings(string silo) => ["--name", silo, "--shards", FolderOf(silo)];

    /// <summary>A silo's folder of pinned shards.</summary>
    public string FolderOf(string silo) => Path.Combine(_root, silo);

    /// <summary>The folder in it that has the last name of the experiment's <c>data.path</c>.</summary>
    public string DataOf(string silo) => Path.Combine(FolderOf(silo), "data");

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);
}
