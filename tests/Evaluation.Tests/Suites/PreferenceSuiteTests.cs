using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Evaluation.Tests.Suites;

/// <summary>By hand, and on the demo's base model, which lies in the repository.</summary>
public sealed class PreferenceSuiteTests
{
    private const double Beta = 0.1;
    private static readonly DecoderWeights Weights = ModelDirectory.Load(Path.Combine(SharedData.RepositoryRoot(), "demo", "model"));
    private static readonly LoraConfig Lora = new(4, 8, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
    private static readonly PreferencePair[] Pairs = [.. Enumerable.Range(0, 30).Select(Pair)];

    [Fact]
    public void Result_ThreePairs_AreMeasuredAsByHand()
    {
        // l chosen (tokens), l rejected (tokens): won by 2, lost by 1, tied; per token -2 to -3, -3 to -1, -1 to -2.
        PairScore[] policy = [Score(-4, 2, -6, 2), Score(-3, 1, -2, 2), Score(-4, 4, -4, 2)];
        PairScore[] reference = [Score(-4, 2, -5, 2), Score(-4, 1, -2, 2), Score(-2, 4, -1, 2)];
        var result = new PreferenceResult(policy, reference, 0.5);
        Assert.Equal(3, result.Pairs);
        AssertMeasure(result.Plain, accuracy: 1.5 / 3, margin: (2 - 1 + 0) / 3.0, ties: 1);
        AssertMeasure(result.Normalized, accuracy: 2 / 3.0, margin: (1 - 2 + 1) / 3.0, ties: 0);
        AssertMeasure(result.Reward!, accuracy: 1, margin: 0.5 * (1 + 1 + 1) / 3, ties: 0); // gains 0 and -1; 1 and 0; -2 and -3
        AssertMeasure(result.NormalizedReward!, accuracy: 1, margin: 0.5 * (0.5 + 1 + 1) / 3, ties: 0);
        Assert.Null(new PreferenceResult(policy, null, 0.5).Reward);
    }

    [Fact]
    public void Result_ReferenceOfOtherPairs_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new PreferenceResult([Score(-1, 1, -2, 1)], [], Beta));

    [Fact]
    public void Measure_NaN_CountsAsWrongAndShowsInTheMargin()
    {
        var measure = new PreferenceMeasure([1, double.NaN]);
        Assert.Equal(0.5, measure.Accuracy);
        Assert.True(double.IsNaN(measure.Margin));
    }

    [Fact]
    public void Evaluate_UntrainedAdapter_TiesEverywhereAgainstTheBaseModel()
    {
        using var suite = new PreferenceSuite(Weights, 2);
        PreferenceResult result = suite.Evaluate(LoraAdapter.Initialize(Weights.Config, Lora, 1), Pairs, Beta);
        AssertMeasure(result.Reward!, accuracy: 0.5, margin: 0, ties: Pairs.Length);
        AssertMeasure(result.NormalizedReward!, accuracy: 0.5, margin: 0, ties: Pairs.Length);
        Assert.Equal(0, result.Plain.Ties);
    }

    [Fact]
    public void Evaluate_BaseModel_ComparesPlainly()
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        double[] differences = [.. Pairs.Select(p => model.Score([p.Chosen])[0].LogProbability - model.Score([p.Rejected])[0].LogProbability)];
        using var suite = new PreferenceSuite(Weights, 1);
        PreferenceResult result = suite.Evaluate(null, Pairs, Beta);
        Assert.Null(result.Reward);
        AssertMeasure(result.Plain, differences.Count(d => d > 0) / (double)Pairs.Length, differences.Sum() / Pairs.Length, ties: 0);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Evaluate_AnyThreads_GivesTheSameBits(int threads)
    {
        LoraAdapter adapter = LoraAdapter.Initialize(Weights.Config, Lora, 1);
        adapter.Parameters.Values.AsSpan().Fill(0.03f);
        using var one = new PreferenceSuite(Weights, 1);
        using var many = new PreferenceSuite(Weights, threads);
        PreferenceResult first = one.Evaluate(adapter, Pairs, Beta);
        PreferenceResult second = many.Evaluate(adapter, Pairs, Beta);
        Assert.Equal((first.Reward!.Margin, first.Plain.Margin), (second.Reward!.Margin, second.Plain.Margin));
        Assert.NotEqual(0, first.Reward.Margin);
    }

    [Fact]
    public void Evaluate_AnswerWithoutScoredToken_IsRefused()
    {
        var empty = new TokenSequence([1, 2], [false, false]);
        using var suite = new PreferenceSuite(Weights, 1);
        Assert.Throws<ArgumentException>(() => suite.Evaluate(null, [new PreferencePair(Pairs[0].Chosen, empty)], Beta));
    }

    private static void AssertMeasure(PreferenceMeasure measure, double accuracy, double margin, int ties)
    {
        Assert.Equal(accuracy, measure.Accuracy, 1e-12);
        Assert.Equal(margin, measure.Margin, 1e-12);
        Assert.Equal(ties, measure.Ties);
    }

    private static PairScore Score(double chosen, int chosenTokens, double rejected, int rejectedTokens) =>
        new(new SequenceScore(chosen, chosenTokens), new SequenceScore(rejected, rejectedTokens));

    private static PreferencePair Pair(int i)
    {
        var random = new CounterRandom(5, RandomPurpose.DataGeneration, step: i);
        ulong position = 0;
        int[] prompt = Tokens(5 + (int)random.Below(40, ref position));
        return new PreferencePair(Join(prompt, Tokens(1 + (int)random.Below(30, ref position))), Join(prompt, Tokens(1 + (int)random.Below(30, ref position))));

        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => (int)random.Below(1000, ref position))];
    }

    private static TokenSequence Join(int[] prompt, int[] answer) =>
        new([.. prompt, .. answer], [.. Enumerable.Repeat(false, prompt.Length), .. Enumerable.Repeat(true, answer.Length)]);
}
