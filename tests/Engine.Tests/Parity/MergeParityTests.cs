using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>Against PEFT's merge_and_unload: weights within 1e-6 absolute, loss within 1e-5 relative, greedy continuation exact.</summary>
public sealed class MergeParityTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (string name in ModelCase.CaseNames())
        {
            data.Add(name, "qv");
            data.Add(name, "all");
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Write_WarmAdapter_MatchesPeft(string name, string targets)
    {
        using ModelCase reference = ModelCase.Open(name);
        string root = Path.Combine(SharedData.FixturesRoot!, name);
        using var folder = new Files.TemporaryFolder();
        AdapterMerge.Write(Path.Combine(root, "model"), Path.Combine(root, $"adapter_{targets}_warm"), folder.File("merged"));

        string expected = Path.Combine(root, $"merged_{targets}_warm.safetensors");
        if (File.Exists(expected))
        {
            AssertWeights(expected, Path.Combine(folder.File("merged"), "model.safetensors"));
        }

        using var workers = new Workers(1);
        var model = new LanguageModel(ModelDirectory.Load(folder.File("merged")), null, workers);
        TokenSequence[] batch = reference.Batch("sft.batch0.");
        SequenceScore[] scores = model.Score(batch);
        double loss = -scores.Sum(s => s.LogProbability) / scores.Sum(s => s.Count);
        double theirs = reference.Json.GetProperty($"{targets}.warm.merged_sft_loss").GetDouble();
        Assert.Equal(theirs, loss, 1e-5 * theirs);

        int[] prompt = [.. reference.Json.GetProperty("base.greedy_prompt").EnumerateArray().Select(e => e.GetInt32())];
        int[] output = [.. reference.Json.GetProperty($"{targets}.warm.merged_greedy_output").EnumerateArray().Select(e => e.GetInt32())];
        IReadOnlyList<int> added = TextGeneration.Generate(model, prompt, new GenerationSettings(output.Length - prompt.Length), model.Config.EndOfSequenceIds);
        Assert.Equal(output, prompt.Concat(added));
    }

    private static void AssertWeights(string expected, string actual)
    {
        using var theirs = SafetensorsFile.Open(expected);
        using var ours = SafetensorsFile.Open(actual);
        int compared = 0;
        foreach (string tensor in theirs.Names.Where(ours.Contains))
        {
            Assert.All(theirs.ReadFloat32(tensor).Zip(ours.ReadFloat32(tensor)), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
            compared++;
        }

        Assert.Equal(ours.Entries.Count, compared);
    }
}
