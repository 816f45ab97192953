using System.Collections.Concurrent;
using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Data.Templates;
using FedLLM.Engine.Files;
using FedLLM.Engine.Training;
using FedLLM.TestSupport;

namespace FedLLM.Data.Tests.Shards;

public sealed class TokenizedShardsTests : IDisposable
{
    private static readonly int PromptCharacters = PromptTemplate.Vicuna.Prompt("I").Length;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Report_ThenLoad_TokenizesOnceWhileTheCacheHolds()
    {
        var tokenizer = FakeTokenizer.Characters();
        TokenizedShards<TokenSequence> shards = Shards(tokenizer, TokenizedShards.DefaultCacheTokens, 3, 5);
        Assert.Equal((2, "client_0", "client_1"), (shards.Clients, shards.Name(0), shards.Name(1)));
        Assert.Equal([3, 5], Enumerable.Range(0, 2).Select(c => shards.Report(c).Tally.Usable));
        Assert.Equal([3, 5], Enumerable.Range(0, 2).Select(c => shards.Load(c).Samples.Count));
        Assert.Equal(8, tokenizer.Encodings);
    }

    [Fact]
    public void Load_NoCache_TokenizesEachTimeAndReportsOnce()
    {
        var tokenizer = FakeTokenizer.Characters();
        TokenizedShards<TokenSequence> shards = Shards(tokenizer, 0, 3);
        Assert.Equal((3, shards.Report(0).Tally.Tokens), shards.Size(0));
        Assert.Equal(3, shards.Report(0).Tally.Usable);
        Assert.Equal(3, tokenizer.Encodings);
        Assert.Equal(shards.Load(0).Samples.Select(s => s.Tokens), shards.Load(0).Samples.Select(s => s.Tokens));
        Assert.Equal(9, tokenizer.Encodings);
    }

    [Fact]
    public void Load_CacheFull_DropsTheShardUsedLongestAgo()
    {
        var tokenizer = FakeTokenizer.Characters();

        // Each shard has one sample of begin + prompt + "R" + end; the cache holds two of them.
        TokenizedShards<TokenSequence> shards = Shards(tokenizer, 2 * (PromptCharacters + 3), 1, 1, 1);
        shards.Load(0);
        shards.Load(1);
        shards.Load(0);
        shards.Load(2);
        Assert.Equal(3, tokenizer.Encodings);
        shards.Load(0);
        shards.Load(2);
        Assert.Same(shards.Load(2).Samples, shards.Find(2)!.Samples);
        Assert.Null(shards.Find(1));
        Assert.Equal(3, tokenizer.Encodings);
        shards.Load(1);
        Assert.Equal(4, tokenizer.Encodings);
    }

    [Fact]
    public void Load_ManyThreads_ShareOneTokenization()
    {
        var tokenizer = FakeTokenizer.Characters();
        TokenizedShards<TokenSequence> shards = Shards(tokenizer, TokenizedShards.DefaultCacheTokens, 40);
        var loaded = new ConcurrentBag<Shard<TokenSequence>>();
        Parallel.For(0, 16, _ => loaded.Add(shards.Load(0)));
        Assert.Equal(16, loaded.Count);
        Assert.Equal(40, tokenizer.Encodings);
        Assert.Single(loaded.Distinct());
    }

    [Fact]
    public void Report_OfEveryPart_IsWhatWasCounted()
    {
        string[] paths =
        [
            _folder.Write("a.json", """[{"instruction":"I","output":"R","category":"x"},{"instruction":"I","output":"","category":"x"},{"instruction":"I","output":"RR","category":"y"}]"""),
            _folder.Write("b.json", """[{"instruction":"I","output":"R"}]"""),
            _folder.Write("c.json", """[{"instruction":"I","output":"RRR","category":"y"}]"""),
        ];
        var encoder = new SampleEncoder(FakeTokenizer.Characters(), PromptTemplate.Vicuna, 512);
        var shards = new TokenizedShards<TokenSequence>(new FilePartition(paths, new ExampleReader()), encoder);
        foreach (int client in (int[])[2, 0, 1])
        {
            shards.Report(client);
        }

        for (int client = 0; client < 3; client++)
        {
            SampleTally expected = SampleSet.Encode(new ExampleReader().Read(paths[client]), encoder).Tally;
            SampleTally counted = shards.Report(client).Tally;
            Assert.Equal(
                (expected.Records, expected.Usable, expected.Tokens, expected.ScoredTokens, expected.Longest),
                (counted.Records, counted.Usable, counted.Tokens, counted.ScoredTokens, counted.Longest));
            Assert.Equal(expected.Labels, counted.Labels);
            Assert.Equal(expected.Excluded, counted.Excluded);
            Assert.Equal(expected.Truncated, counted.Truncated);
            Assert.Equal((expected.Usable, expected.Tokens), shards.Size(client));
        }

        Assert.Equal(1, shards.Report(0).Tally.Excluded[ExclusionReason.EmptyResponse]);
    }

    [Fact]
    public void Load_ClientsOfOnePart_ShareItsSamples()
    {
        var tokenizer = FakeTokenizer.Characters();
        Example[] examples = [new InstructionExample("I", "R", null, default), new InstructionExample("I", "RR", null, default)];
        var parts = new RowPartition("memory", examples, [[0], [1]]);
        var shards = new TokenizedShards<TokenSequence>(
            new SharedPartition(parts, 100_000, "memory"), new SampleEncoder(tokenizer, PromptTemplate.Vicuna, 512));
        Assert.Equal(100_000, shards.Clients);
        Assert.All(Enumerable.Range(0, shards.Clients), client => Assert.Equal(1, shards.Size(client).Samples));
        Assert.Same(shards.Load(1).Samples, shards.Load(99_999).Samples);
        Assert.Equal((99_999, "client_1+49999"), (shards.Load(99_999).Client, shards.Load(99_999).Name));
        Assert.Equal(2, tokenizer.Encodings);
    }

    [Fact]
    public void Load_NoUsableSample_NamesFileClientAndReasons()
    {
        string path = _folder.Write("hospital_7.json", """[{"instruction":"SeCrEt","output":""},{"instruction":"I","output":"much too long"}]""");
        var shards = new TokenizedShards<TokenSequence>(new FilePartition([path], new ExampleReader()), new SampleEncoder(FakeTokenizer.Characters(), PromptTemplate.Vicuna, 20));
        InputFileException e = Assert.Throws<InputFileException>(() => shards.Report(0));
        Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
        Assert.Contains("client 0 (hospital_7) has no usable sample: of its 2 records, 1 overlong, 1 with an empty response. Raise data.max_length", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SeCrEt", e.Message, StringComparison.Ordinal);
        Assert.Throws<InputFileException>(() => shards.Load(0));
    }

    [Fact]
    public void Load_FileChangedSinceCounted_IsAnError()
    {
        string path = _folder.Write("a.jsonl", """{"instruction":"I","output":"R"}""");
        var shards = new TokenizedShards<TokenSequence>(new FilePartition([path], new ExampleReader()), new SampleEncoder(FakeTokenizer.Characters(), PromptTemplate.Vicuna, 500), cacheTokens: 0);
        shards.Report(0);
        File.AppendAllText(path, "\n" + """{"instruction":"I","output":"R"}""");
        Assert.Contains("changed", Assert.Throws<InputFileException>(() => shards.Load(0)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, null)]
    [InlineData(3, "client 0 (a): 25.0 % of its 4 records are excluded: 1 with an empty response")]
    public void Report_MoreThanAFifthExcluded_Warns(int usable, string? warning)
    {
        string records = string.Join('\n', Enumerable.Repeat("""{"instruction":"I","output":"R"}""", usable).Append("""{"instruction":"I","output":""}"""));
        var shards = new TokenizedShards<TokenSequence>(
            new FilePartition([_folder.Write("a.jsonl", records)], new ExampleReader()), new SampleEncoder(FakeTokenizer.Characters(), PromptTemplate.Vicuna, 500));
        Assert.Equal(warning, shards.Report(0).Warning);
    }

    [Fact]
    public void LoadHeldOut_NoUsableSample_SaysWhy()
    {
        string path = _folder.Write("test.json", """[{"instruction":"I","output":"R"}]""");
        InputFileException e = Assert.Throws<InputFileException>(
            () => SampleSet.LoadHeldOut(path, new ExampleReader(), new SampleEncoder(FakeTokenizer.Characters(), PromptTemplate.Vicuna, 20)));
        Assert.Contains("of its 1 records, 1 overlong", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Report_Dolly_CountsEveryRecordOfEveryClient()
    {
        string folder = SharedData.Require("data", "dolly-10-clients");
        Assert.Contains("global_test.json", Assert.Throws<InputFileException>(() => DataFiles.FindShards(folder)).Message, StringComparison.Ordinal);
        var partition = new FilePartition(DataFiles.FindShards(folder, "local_training_*.json.gz"), new ExampleReader());
        var shards = new TokenizedShards<TokenSequence>(partition, new SampleEncoder(FakeTokenizer.Words(), PromptTemplate.Alpaca, 512));
        ShardReport[] reports = [.. Enumerable.Range(0, shards.Clients).Select(shards.Report)];
        Assert.Equal(10, reports.Length);
        Assert.Equal(14_931, reports.Sum(r => r.Tally.Records));
        Assert.All(reports, r => Assert.Equal(r.Tally.Records, r.Tally.Usable + r.Tally.Excluded.Values.Sum()));
        Assert.All(reports, r => Assert.Equal(r.Tally.Usable, r.Tally.Labels.Values.Sum()));
        Assert.All(reports, r => Assert.InRange(r.Tally.Labels.Count, 2, 4));
        Assert.Equal(8, reports.SelectMany(r => r.Tally.Labels.Keys).Distinct().Count());
        Assert.All(shards.Load(3).Samples, s => Assert.True(s.Scored[^1] && !s.Scored[0] && s.Tokens.Length <= 512));

        Example[] held = [.. DataFiles.Find(Path.Combine(folder, "global_test.json")).SelectMany(new ExampleReader().Read)];
        Assert.Equal(80, held.Length);
        SampleSet<TokenSequence> set = SampleSet.LoadHeldOut(
            Path.Combine(folder, "global_*.json"), new ExampleReader(), new SampleEncoder(FakeTokenizer.Words(), PromptTemplate.Alpaca, 512));
        Assert.Equal((80, set.Samples.Count), (set.Tally.Records, set.Tally.Usable));
        Assert.All(held.CountBy(e => e.Category!), c => Assert.Equal(10, c.Value));
    }

    [SkippableFact]
    public void Read_NaturalInstructionsAndGsm8k_GivesEveryRecord()
    {
        string folder = SharedData.Require("data", "natural-instructions-80-clients");
        var reader = new ExampleReader();
        var partition = new FilePartition(DataFiles.FindShards(folder, "local_training_*.json.gz"), reader);
        Assert.Equal(21_801, Enumerable.Range(0, partition.Clients).Sum(c => partition.Read(c).Count()));
        Assert.All(Enumerable.Range(0, partition.Clients), c => Assert.Single(partition.Read(c).Select(e => e.Category).Distinct()));
        Assert.Equal(7_473, reader.Read(SharedData.Require("data", "gsm8k", "train.jsonl.gz")).Count());
        Assert.Contains("#### ", reader.Read(SharedData.Require("data", "gsm8k", "test.jsonl")).Cast<InstructionExample>().Last().Response, StringComparison.Ordinal);
    }

    private static TokenizedShards<TokenSequence> Shards(FakeTokenizer tokenizer, long cacheTokens, params int[] sizes)
    {
        Example[] examples = [new InstructionExample("I", "R", null, default)];
        int[][] rows = [.. sizes.Select(size => new int[size])];
        return new TokenizedShards<TokenSequence>(new RowPartition("memory", examples, rows), new SampleEncoder(tokenizer, PromptTemplate.Vicuna, 500), cacheTokens);
    }
}
