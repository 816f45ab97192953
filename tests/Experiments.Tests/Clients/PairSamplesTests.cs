using FedLLM.Data.Shards;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.Running;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Clients;

/// <summary>When the reference's log-probabilities are computed, and when they are remembered.</summary>
public sealed class PairSamplesTests : IDisposable
{
    private readonly DemoPairs _pairs = new();
    private readonly Workers _workers = new(2);
    private readonly PreparedExperiment _prepared;
    private readonly IShardSource<PreferencePair> _shards;
    private readonly LoraConfig _lora;

    public PairSamplesTests()
    {
        _prepared = PreparedExperiment.Prepare(_pairs.Experiment());
        _shards = ((PairData)_prepared.Data).Source;
        _lora = _prepared.Experiment.Lora.ToConfig();
    }

    public void Dispose()
    {
        _workers.Dispose();
        _pairs.Dispose();
    }

    [Fact]
    public void Load_FixedReference_IsComputedOncePerPairOfTheRun()
    {
        PairSamples samples = PairSamples.Against(_shards, adapter: null);
        IReadOnlyDictionary<int, ReferencedPair> first = Load(samples, [0, 3, 5], Model(_prepared.Weights));
        AssertScoredBy(null, first);

        // A model that would score otherwise is not asked about pairs that are known, whatever the global adapter is.
        DecoderWeights blind = Blind();
        IReadOnlyDictionary<int, ReferencedPair> second = Load(samples, [0, 3, 4, 5], Model(blind), Global(9));
        foreach (int known in first.Keys)
        {
            Assert.Equal(first[known], second[known]);
        }

        // It is asked about the new one: with a head of zeros every token has the same probability.
        Assert.Equal(-Math.Log(_prepared.Weights.Config.VocabularySize), second[4].Chosen.MeanLogProbability, 1e-4);
    }

    [Fact]
    public void Load_NamedAdapter_IsTheReference()
    {
        var adapter = new LoraAdapter(_prepared.Weights.Config, _lora, Global(3));
        AssertScoredBy(adapter, Load(PairSamples.Against(_shards, adapter), [1, 2], Model(_prepared.Weights)));
    }

    [Fact]
    public void Load_ReferenceOfTheRound_FollowsTheGlobalAdapter()
    {
        PairSamples samples = PairSamples.AgainstRound(_shards, _prepared.Weights.Config, _ => _lora);
        foreach (ulong seed in (ulong[])[1, 2])
        {
            TensorSet global = Global(seed);
            AssertScoredBy(new LoraAdapter(_prepared.Weights.Config, _lora, global), Load(samples, [0, 1], Model(_prepared.Weights), global));
        }
    }

    private static IReadOnlyDictionary<int, ReferencedPair> Load(PairSamples samples, int[] rows, LanguageModel model, TensorSet? global = null)
        => samples.Load(1, rows, global!, model, default);

    private void AssertScoredBy(LoraAdapter? adapter, IReadOnlyDictionary<int, ReferencedPair> loaded)
    {
        IReadOnlyList<PreferencePair> pairs = _shards.Load(1).Samples;
        var model = new LanguageModel(_prepared.Weights, adapter, _workers);
        foreach ((int row, ReferencedPair pair) in loaded)
        {
            (SequenceScore chosen, SequenceScore rejected) = model.Score([pairs[row]])[0];
            Assert.Equal(new ReferencedPair(pairs[row], chosen, rejected), pair);
        }
    }

    private LanguageModel Model(DecoderWeights weights) => new(weights, null, _workers);

    private TensorSet Global(ulong seed)
    {
        TensorSet adapter = LoraAdapter.Initialize(_prepared.Weights.Config, _lora, seed).Parameters;
        for (int i = 0; i < adapter.Values.Length; i++)
        {
            adapter.Values[i] += 0.05f * ((i % 7) - 3);
        }

        return adapter;
    }

    // The same model with a head of zeros.
    private DecoderWeights Blind()
    {
        DecoderWeights weights = _prepared.Weights;
        return new DecoderWeights
        {
            Config = weights.Config,
            Embedding = weights.Embedding,
            Head = new WeightMatrix(new float[weights.Config.VocabularySize * weights.Config.HiddenSize]),
            FinalNorm = weights.FinalNorm,
            Layers = weights.Layers,
        };
    }
}
