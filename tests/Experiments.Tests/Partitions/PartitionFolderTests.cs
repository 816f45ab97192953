using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using FedLLM.Data.Examples;
using FedLLM.Engine.Files;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Partitions;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.RunDirectories;
using FedLLM.Experiments.Tests.Running;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Experiments.Tests.Partitions;

public sealed class PartitionFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("data.partition.scheme=dirichlet", "data.partition.clients=5", "data.partition.alpha=0.3")]
    [InlineData("data.partition.scheme=files")]
    [InlineData("data.partition.scheme=by-field")]
    [InlineData("data.partition.scheme=quantity", "data.partition.clients=6", "data.limit=300")]
    public void Write_AnyScheme_ReadsBackAsFilesToTheSameShards(params string[] overrides)
    {
        Experiment experiment = DemoAssets.Experiment(overrides);
        WrittenPartition written = PartitionFolder.Write(experiment, _folder["cut"]);
        PreparedExperiment cut = PreparedExperiment.Prepare(experiment);
        PreparedExperiment files = PreparedExperiment.Prepare(DemoAssets.Experiment(
            $"data.path={_folder["cut"]}/shards", $"data.format={written.Format}", "data.pattern=none", "data.partition.scheme=files", "data.partition.clients=auto"));
        Assert.Equal(cut.Shards.Clients, files.Shards.Clients);
        for (int client = 0; client < cut.Shards.Clients; client++)
        {
            Assert.Equal(Tokens(cut, client), Tokens(files, client));
            Assert.Equal(written.Shards[client].Labels, files.Reports[client].Tally.Labels);
        }
    }

    [Fact]
    public void Write_Manifest_HasEveryFilesHashAndRecords()
    {
        PartitionFolder.Write(DemoAssets.Experiment("data.partition.scheme=iid", "data.partition.clients=4", "federation.clients_per_round=2", "data.partition.test_per_label=2", "evaluation.data=none"), _folder["cut"]);
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(_folder["cut/manifest.json"]));
        JsonElement[] shards = [.. manifest.RootElement.GetProperty("shards").EnumerateArray()];
        JsonElement test = manifest.RootElement.GetProperty("test");
        Assert.Equal(["shards/client_0.jsonl", "shards/client_1.jsonl", "shards/client_2.jsonl", "shards/client_3.jsonl"], shards.Select(s => s.GetProperty("file").GetString()));
        foreach (JsonElement file in shards.Append(test))
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(_folder["cut"], file.GetProperty("file").GetString()!));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), file.GetProperty("sha256").GetString());
            Assert.Equal(bytes.Length, file.GetProperty("bytes").GetInt64());
            Assert.Equal(bytes.Count(b => b == '\n'), file.GetProperty("records").GetInt32());
        }

        Assert.Equal(24, test.GetProperty("records").GetInt32()); // 12 tasks
        Assert.Equal(1910 - 24, shards.Sum(s => s.GetProperty("records").GetInt32()));
    }

    [Fact]
    public void Write_AnyRecords_KeepsTheirBytesAndLosesNone()
    {
        int folder = 0;
        var records =
            from count in Gen.Choose(3, 30)
            from text in ArbMap.Default.GeneratorFor<NonNull<string>>().ListOf(count)
            from clients in Gen.Choose(1, 3)
            from array in ArbMap.Default.GeneratorFor<bool>()
            select (Texts: text.ToArray(), clients, array);
        Prop.ForAll(records.ToArbitrary(), r =>
        {
            string[] lines = [.. r.Texts.Select((t, i) => JsonSerializer.Serialize(new { instruction = $"{i}", output = new string([.. t.Get.Where(c => !char.IsSurrogate(c))]) }))];
            File.WriteAllText(_folder["data.json"], r.array ? $"[\n{string.Join(" ,\n", lines)}\n]\n" : string.Join("\r\n", lines));
            string cut = _folder[$"cut{folder++}"];
            PartitionFolder.Write(Parse($"data: {{path: data.json, partition: {{clients: {r.clients}}}}}\nfederation: {{clients_per_round: 1}}"), cut);
            string[] written = [.. Directory.GetFiles(Path.Combine(cut, "shards")).SelectMany(f => File.ReadAllText(f).Split('\n', StringSplitOptions.RemoveEmptyEntries))];
            Assert.Equal(lines.Order(StringComparer.Ordinal), written.Order(StringComparer.Ordinal));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Write_SourcesOfSeveralFormats_AreReadBackAsMixed()
    {
        File.WriteAllText(_folder["a.jsonl"], """{"instruction":"I","input":"X","output":"R"}""" + "\n" + """{"instruction":"J","output":"S"}""" + "\n");
        File.WriteAllText(_folder["b.json"], """[{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}]},""" + "\n" + """{ "conversations": [ ] }]""");
        WrittenPartition written = PartitionFolder.Write(Parse("data: {sources: [{path: a.jsonl}, {path: b.json}]}"), _folder["cut"]);
        Assert.Equal("mixed", written.Format);
        var reader = new ExampleReader(RecordFormat.Mixed);
        Example[] read = [.. Enumerable.Range(0, 2).SelectMany(i => reader.Read(_folder[$"cut/shards/client_{i}.jsonl"]))];
        Assert.Equal(["I X", "J"], read.OfType<InstructionExample>().Select(e => e.Instruction).Order());
        Assert.Equal([0, 2], read.OfType<DialogueExample>().Select(e => e.Turns.Count).Order());
    }

    [Fact]
    public void Write_FormatsThatOneFileCannotHold_AreRefusedAndNothingStays()
    {
        // As plain, the context is not read; recognized by itself, the record is Dolly's and it is.
        File.WriteAllText(_folder["a.jsonl"], """{"instruction":"I","context":"X","response":"R"}""" + "\n");
        File.WriteAllText(_folder["b.jsonl"], """{"instruction":"I","output":"R"}""" + "\n");
        InputFileException e = Assert.Throws<InputFileException>(() => PartitionFolder.Write(
            Parse("data: {sources: [{path: a.jsonl, format: plain}, {path: b.jsonl}], partition: {clients: 1}}\nfederation: {clients_per_round: 1}"), _folder["cut"]));
        Assert.Contains("formats that one file cannot hold together", e.Message, StringComparison.Ordinal);
        Assert.Equal(["a.jsonl", "b.jsonl"], Directory.GetFileSystemEntries(_folder.Root).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Write_BySource_KeepsDomainsApart()
    {
        File.WriteAllLines(_folder["a.jsonl"], Enumerable.Range(0, 9).Select(i => $$"""{"instruction":"a{{i}}","output":"R"}"""));
        File.WriteAllLines(_folder["b.jsonl"], Enumerable.Range(0, 5).Select(i => $$"""{"question":"b{{i}}","answer":"R"}"""));
        WrittenPartition written = PartitionFolder.Write(
            Parse("data: {sources: [{path: a.jsonl, clients: 2, limit: 6}, {name: maths, path: b.jsonl, clients: 1}], partition: {by_source: true}}"), _folder["cut"]);
        Assert.Equal([("a/client_0", 3), ("a/client_1", 3), ("maths/client_0", 5)], written.Shards.Select(s => (s.Name, s.Records)));
        Assert.All(File.ReadAllLines(_folder["cut/shards/client_2.jsonl"]), line => Assert.Contains("\"b", line, StringComparison.Ordinal));
        Assert.Equal(6, written.Shards.Take(2).SelectMany((_, i) => File.ReadAllLines(_folder[$"cut/shards/client_{i}.jsonl"])).Distinct().Count());
    }

    [Fact]
    public void Write_FolderThatIsNotEmpty_IsRefusedAndAnEmptyOneTaken()
    {
        Experiment experiment = DemoAssets.Experiment();
        File.WriteAllText(Path.Combine(_folder.Make("full"), "x"), "");
        Assert.Contains("the folder is not empty", Assert.Throws<InputFileException>(() => PartitionFolder.Write(experiment, _folder["full"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a file", Assert.Throws<InputFileException>(() => PartitionFolder.Write(experiment, _folder["full/x"])).Message, StringComparison.Ordinal);
        PartitionFolder.Write(experiment, _folder.Make("empty"));
        Assert.Equal(["histogram.svg", "manifest.json", "shards"], Directory.GetFileSystemEntries(_folder["empty"]).Select(Path.GetFileName).Order());
        Assert.Equal(["empty", "full"], Directory.GetFileSystemEntries(_folder.Root).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Write_Cancelled_LeavesNothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => PartitionFolder.Write(DemoAssets.Experiment(), _folder["cut"], cancelled.Token));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void Write_Histogram_IsSvgWithABarForEveryLabelOfEveryClient()
    {
        File.WriteAllLines(_folder["a.jsonl"], Enumerable.Range(0, 12).Select(i => $$"""{"instruction":"I{{i}}","output":"R","category":"<{{i % 3}}&\u0001>"}"""));
        WrittenPartition written = PartitionFolder.Write(Parse("data: {path: a.jsonl, partition: {clients: 3}}"), _folder["cut"]);
        XDocument svg = XDocument.Load(_folder["cut/histogram.svg"]);
        string[] tips = [.. svg.Descendants().Where(e => e.Name.LocalName == "title").Select(e => e.Value)];
        Assert.Equal(3 + written.Shards.Sum(s => s.Labels.Count), tips.Length); // and three in the legend
        Assert.Contains(tips, t => t.Contains("<1&\uFFFD>", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_SameSeed_WritesTheSameBytesAndAnotherDoesNot()
    {
        string[] overrides = ["data.partition.scheme=shards", "data.partition.clients=3", "federation.clients_per_round=2"];
        PartitionFolder.Write(DemoAssets.Experiment(overrides), _folder["a"]);
        PartitionFolder.Write(DemoAssets.Experiment(overrides), _folder["b"]);
        PartitionFolder.Write(DemoAssets.Experiment([.. overrides, "seed=8"]), _folder["c"]);
        Assert.Equal(File.ReadAllBytes(_folder["a/manifest.json"]), File.ReadAllBytes(_folder["b/manifest.json"]));
        Assert.NotEqual(File.ReadAllBytes(_folder["a/shards/client_0.jsonl"]), File.ReadAllBytes(_folder["c/shards/client_0.jsonl"]));
    }

    [Fact]
    public void SizeBins_AnySizes_CoverThemOnce()
    {
        var cases = from sizes in Gen.Choose(0, 1000).NonEmptyListOf() from most in Gen.Choose(1, 20) select (Sizes: sizes.ToArray(), most);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            IReadOnlyList<(int From, int To, int Shards)> bins = SizeBins.Of(c.Sizes, c.most);
            Assert.InRange(bins.Count, 1, c.most);
            Assert.All(bins, b => Assert.Equal(b.Shards, c.Sizes.Count(s => s >= b.From && s <= b.To)));
            Assert.Equal(c.Sizes.Length, bins.Sum(b => b.Shards));
            Assert.Equal((c.Sizes.Min(), c.Sizes.Max()), (bins[0].From, bins[^1].To));
        }).QuickCheckThrowOnFailure();
    }

    private static IEnumerable<int[]> Tokens(PreparedExperiment prepared, int client) =>
        Assert.IsType<SequenceData>(prepared.Data).Source.Load(client).Samples.Select((TokenSequence s) => s.Tokens.ToArray());

    private Experiment Parse(string yaml) => ExperimentFile.Parse(Encoding.UTF8.GetBytes("model: {path: base}\n" + yaml), "test.yaml", _folder.Root);
}
