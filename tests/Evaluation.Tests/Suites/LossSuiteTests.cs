using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Evaluation.Tests.Suites;

/// <summary>On the demo's base model, which lies in the repository.</summary>
public sealed class LossSuiteTests
{
    private static readonly DecoderWeights Weights = ModelDirectory.Load(Path.Combine(SharedData.RepositoryRoot(), "demo", "model"));
    private static readonly TokenSequence[] Samples = [.. Enumerable.Range(0, 40).Select(Sample)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Evaluate_AnyThreads_IsTheMeanOverAllScoredTokensToTheBit(int threads)
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        double sum = 0;
        int count = 0;
        foreach (TokenSequence sample in Samples)
        {
            SequenceScore score = model.Score([sample])[0];
            sum -= score.LogProbability;
            count += score.Count;
        }

        using var suite = new LossSuite(Weights, threads);
        LossResult result = suite.Evaluate(null, Samples);
        Assert.Equal(new LossResult(sum / count, Samples.Length, count), result);
        Assert.Equal(Math.Exp(result.Loss), result.Perplexity, 1e-6 * result.Perplexity);
    }

    [Fact]
    public void Evaluate_ZeroAdapter_EqualsTheBaseModelAndAnotherDoesNot()
    {
        var lora = new LoraConfig(4, 8, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
        LoraAdapter adapter = LoraAdapter.Initialize(Weights.Config, lora, 1); // B = 0
        using var suite = new LossSuite(Weights, 2);
        double alone = suite.Evaluate(null, Samples).Loss;
        Assert.Equal(alone, suite.Evaluate(adapter, Samples).Loss);
        adapter.Parameters.Values.AsSpan().Fill(0.05f);
        Assert.NotEqual(alone, suite.Evaluate(adapter, Samples).Loss);
    }

    [Fact]
    public void Evaluate_NothingScored_IsRefused()
    {
        using var suite = new LossSuite(Weights, 1);
        Assert.Throws<ArgumentException>(() => suite.Evaluate(null, [new TokenSequence([1, 2], [false, false])]));
    }

    private static TokenSequence Sample(int i)
    {
        var random = new CounterRandom(3, RandomPurpose.DataGeneration, step: i);
        ulong position = 0;
        int length = 2 + (int)random.Below(120, ref position);
        return new TokenSequence(
            [.. Enumerable.Range(0, length).Select(_ => (int)random.Below(1000, ref position))], [.. Enumerable.Range(0, length).Select(t => t > 0 && t % 3 != 1 || t == 1)]);
    }
}
