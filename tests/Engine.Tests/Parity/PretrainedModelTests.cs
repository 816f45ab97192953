using System.Text.Json;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>Real weights (stories260K) against an independent C implementation: log-probabilities within 1e-3, greedy tokens exact.</summary>
public sealed class PretrainedModelTests
{
    [SkippableFact]
    public void Greedy_Stories260K_MatchesGoldenTokensAndLogProbabilities()
    {
        string folder = SharedData.Require("models", "stories260K");
        using var workers = new Workers(2);
        var model = new LanguageModel(ModelDirectory.Load(folder), null, workers);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "golden_greedy_64.json")));
        int[] prompt = [.. golden.RootElement.GetProperty("prompt_ids").EnumerateArray().Select(e => e.GetInt32())];
        JsonElement[] steps = [.. golden.RootElement.GetProperty("steps").EnumerateArray()];
        int[] chosen = [.. steps.Select(s => s.GetProperty("next").GetInt32())]; // forced to the prompt where it reaches
        IReadOnlyList<int> generated = TextGeneration.Generate(model, prompt, new GenerationSettings(steps.Length - prompt.Length + 1), []);
        Assert.Equal(chosen[(prompt.Length - 1)..], generated);

        int[] tokens = [prompt[0], .. chosen];
        bool[] scored = [false, .. Enumerable.Repeat(true, chosen.Length)];
        float[] logProbabilities = model.TokenLogProbabilities([new TokenSequence(tokens, scored)]);
        float[] logits = model.Logits([new TokenSequence(tokens, scored)]);
        for (int i = 0; i < steps.Length; i++)
        {
            Assert.Equal(steps[i].GetProperty("logprob_next").GetDouble(), logProbabilities[i], 1e-3);
            if (steps[i].TryGetProperty("logits", out JsonElement expected) && expected.ValueKind == JsonValueKind.Array)
            {
                int v = 0;
                foreach (JsonElement logit in expected.EnumerateArray())
                {
                    Assert.Equal(logit.GetDouble(), logits[(i * model.Config.VocabularySize) + v++], 2e-3);
                }
            }
        }
    }
}
