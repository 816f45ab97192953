using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FedLLM.Dashboard.Tests.Support;

/// <summary>A run directory written by hand, line by line, as a run writes it. It is deleted with the folder around it.</summary>
internal sealed class RunFiles : IDisposable
{
    public RunFiles(string name = "run", int rounds = 4, string experiment = "")
    {
        Folder = Directory.CreateTempSubdirectory("fedllm-dashboard-").FullName;
        Root = Path.Combine(Folder, name);
        Directory.CreateDirectory(Root);
        File.WriteAllText(Path.Combine(Root, "experiment.yaml"), $"""
            name: "{name}"
            task: sft
            model:
              path: "{Path.Combine(Folder, "models", "tiny")}"
            federation:
              rounds: {rounds}
              clients_per_round: 2
              algorithm: fedavg
              budget_mb: none
            {experiment}
            """);
    }

    /// <summary>What a line has besides where its clients were measured on their own data: 2.5 and 3.5 with the global adapter, 2.25 with the first client's own.</summary>
    public const string Held =
        ",\"client_evaluation\":[{\"id\":0,\"weight\":10,\"global\":{\"loss\":2.5},\"own\":{\"loss\":2.25}},{\"id\":1,\"weight\":30,\"global\":{\"loss\":3.5},\"own\":null}]";

    /// <summary>The folder that holds the run directory alone.</summary>
    public string Folder { get; }

    /// <summary>The run directory.</summary>
    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>A hash that follows from a number.</summary>
    public static string Hash(int number) => number.ToString("x64", CultureInfo.InvariantCulture);

    /// <summary>A round's line with two members; the first client's loss is the round's plus a half, the second's minus a half.</summary>
    public static string Line(int round, double loss, double? heldOut = null, string extra = "") => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        {"round":{{round}},"cohort":[0,1],"clients":[{"id":0,"loss":{{loss + 0.5}},"tokens":100,"seconds":0.5,"weight":3,"bytes_down":1000,"bytes_up":1000},{"id":1,"loss":{{loss - 0.5}},"tokens":50,"seconds":0.25,"weight":3,"bytes_down":1000,"bytes_up":1000}],"train_loss":{{loss}},"evaluation":{{(heldOut is { } held ? $"{{\"loss\":{held.ToString(CultureInfo.InvariantCulture)}}}" : "null")}},"learning_rate":0.01,"bytes_down":2000,"bytes_up":2000,"seconds":{"train":2,"aggregate":0.5},"excluded":[],"abandoned":null,"adapter":"{{Hash(round)}}"{{extra}}}
        """) + "\n";

    /// <summary>The line of round 0.</summary>
    public static string Beginning(double heldOut) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"round":0,"cohort":[],"clients":[],"train_loss":null,"evaluation":{"loss":{{heldOut}}},"learning_rate":0,"bytes_down":0,"bytes_up":0,"seconds":{"evaluate":1},"excluded":[],"adapter":"{{Hash(0)}}"}""") + "\n";

    /// <summary>Appends to <c>rounds.jsonl</c>.</summary>
    public RunFiles Append(params string[] lines)
    {
        File.AppendAllText(this["rounds.jsonl"], string.Concat(lines));
        return this;
    }

    /// <summary>Writes two clients with their counts.</summary>
    public RunFiles Describe(params (string Name, (string Label, int Count)[] Labels)[] clients)
    {
        File.WriteAllText(this["clients.json"], JsonSerializer.Serialize(clients.Select((c, i) => new Dictionary<string, object>
        {
            ["id"] = i,
            ["name"] = c.Name,
            ["records"] = c.Labels.Sum(l => l.Count) + 1,
            ["usable"] = c.Labels.Sum(l => l.Count),
            ["excluded"] = new Dictionary<string, int> { ["overlong"] = 1 },
            ["truncated"] = new Dictionary<string, int>(),
            ["tokens"] = 1000,
            ["scored_tokens"] = 400,
            ["longest"] = 90,
            ["labels"] = c.Labels.ToDictionary(l => l.Label, l => l.Count),
        })));
        return this;
    }

    /// <summary>Writes an adapter's two files, and the weights into the store under <paramref name="hash"/>.</summary>
    public RunFiles Adapter(string hash, byte[] weights)
    {
        Directory.CreateDirectory(this["adapter"]);
        File.WriteAllText(this["adapter/adapter_config.json"], """{"r":8}""");
        File.WriteAllBytes(this["adapter/adapter_model.safetensors"], weights);
        Directory.CreateDirectory(this[$"store/{hash[..2]}"]);
        File.WriteAllBytes(this[$"store/{hash[..2]}/{hash}.safetensors"], weights);
        return this;
    }

    /// <summary>Writes a whole run of many rounds and clients: losses that fall, with a spike in one round.</summary>
    public RunFiles Fill(int rounds, int clients, int spike)
    {
        var text = new StringBuilder(Beginning(4));
        for (int round = 1; round <= rounds; round++)
        {
            double loss = round == spike ? 9 : 1 + (3 * Math.Exp(-3.0 * round / rounds)) + (0.1 * Math.Sin(round));
            text.Append(CultureInfo.InvariantCulture, $"{{\"round\":{round},\"cohort\":[{string.Join(',', Enumerable.Range(0, clients))}],\"clients\":[");
            for (int client = 0; client < clients; client++)
            {
                text.Append(client == 0 ? string.Empty : ",").Append(
                    CultureInfo.InvariantCulture,
                    $"{{\"id\":{client},\"loss\":{loss + ((client - (clients / 2)) * 0.01)},\"tokens\":{1000 + client},\"seconds\":0.125,\"weight\":100,\"rewards\":null,\"bytes_down\":524288,\"bytes_up\":524288,\"norm\":0.31,\"cosine\":0.72}}");
            }

            string held = round % 10 == 0 ? $"{{\"loss\":{(loss + 0.2).ToString(CultureInfo.InvariantCulture)}}}" : "null";
            text.Append(
                CultureInfo.InvariantCulture,
                $"],\"train_loss\":{loss},\"evaluation\":{held},\"learning_rate\":{0.01 * (1 - ((double)round / rounds))},\"bytes_down\":{524288L * clients},\"bytes_up\":{524288L * clients},\"seconds\":{{\"train\":9.5,\"aggregate\":0.8,\"checkpoint\":0.1}},\"excluded\":[],\"abandoned\":null,\"adapter\":\"{Hash(round)}\"}}\n");
        }

        File.WriteAllText(this["rounds.jsonl"], text.ToString());
        return Describe([.. Enumerable.Range(0, clients).Select(c => ($"client_{c:D3}", new[] { ("closed_qa", 10 + c), ("brainstorming", 60 - (c / 2)) }))]);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
