using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch.Weights;
using FedLLM.Engine.Training;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>A base model on a device with an optional adapter, for evaluation and generation.</summary>
internal sealed class TorchLanguageModel : ILanguageModel, IDisposable
{
    private readonly TorchWeights _weights;
    private readonly TorchDecoder _decoder;
    private readonly TorchHead _head;
    private readonly PackedBatch _batch = new();
    private LoraAdapter? _adapter;
    private TorchAdapter? _uploaded;

    /// <summary>Prepares evaluation of <paramref name="weights"/> with <paramref name="adapter"/>, or alone.</summary>
    public TorchLanguageModel(TorchWeights weights, LoraAdapter? adapter)
    {
        _weights = weights;
        _decoder = new TorchDecoder(weights);
        _head = new TorchHead(weights);
        Adapter = adapter;
    }

    /// <inheritdoc/>
    public LoraAdapter? Adapter
    {
        get => _adapter;
        set
        {
            if (value is null || _uploaded is null || !_uploaded.Config.Equals(value.Config))
            {
                _uploaded?.Dispose();
                _uploaded = value is null ? null : new TorchAdapter(Config, value.Config, _weights.Device, trains: false);
            }

            if (value is not null)
            {
                _uploaded!.Load(value.Parameters.Values);
            }

            _adapter = value;
        }
    }

    /// <inheritdoc/>
    public ModelConfig Config => _weights.Config;

    /// <inheritdoc/>
    public SequenceScore[] Score(ReadOnlySpan<TokenSequence> sequences)
    {
        ReadOnlySpan<float> logProbabilities = TokenLogProbabilities(sequences);
        var scores = new SequenceScore[sequences.Length];
        for (int s = 0; s < scores.Length; s++)
        {
            scores[s] = SequenceScore.Take(ref logProbabilities, sequences[s].ScoredCount);
        }

        return scores;
    }

    /// <inheritdoc/>
    public (SequenceScore Chosen, SequenceScore Rejected)[] Score(ReadOnlySpan<PreferencePair> pairs)
    {
        _batch.Clear();
        foreach (PreferencePair pair in pairs)
        {
            _batch.Add(pair);
        }

        _batch.EndLane();
        ReadOnlySpan<float> logProbabilities = LogProbabilities();
        var scores = new (SequenceScore, SequenceScore)[pairs.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            SequenceScore chosen = SequenceScore.Take(ref logProbabilities, pairs[i].Chosen.ScoredCount);
            scores[i] = (chosen, SequenceScore.Take(ref logProbabilities, pairs[i].Rejected.ScoredCount));
        }

        return scores;
    }

    /// <inheritdoc/>
    public float[] TokenLogProbabilities(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        return LogProbabilities();
    }

    /// <inheritdoc/>
    public float[] Logits(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        return LogitsOf([.. Enumerable.Range(0, _batch.Rows)], null);
    }

    /// <inheritdoc/>
    public ISequenceCache NewCache() => new TorchCache(Config, _weights.Device, _weights.Type);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Continue(IReadOnlyList<int[]> tokens, IReadOnlyList<ISequenceCache> caches)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(caches);
        TorchCache[] own = [.. caches.Cast<TorchCache>()];
        _batch.Clear();
        int[] lastRows = new int[tokens.Count];
        for (int s = 0; s < tokens.Count; s++)
        {
            _batch.AddContinuation(tokens[s], own[s].Count);
            lastRows[s] = _batch.Rows - 1;
        }

        _batch.EndLane();
        float[] logits = LogitsOf(lastRows, own);
        for (int s = 0; s < own.Length; s++)
        {
            own[s].Count += tokens[s].Length;
        }

        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _uploaded?.Dispose();
        _decoder.Dispose();
    }

    private float[] LogProbabilities()
    {
        if (_batch.ScoredCount == 0)
        {
            return [];
        }

        return Compute(() => _head.LogProbabilities(Normed(_batch.ScoredRows, null), HostCopy.Indices(_batch.Targets, _weights.Device)));
    }

    private float[] LogitsOf(int[] rows, TorchCache[]? caches) => Compute(() => _head.Logits(Normed(rows, caches)));

    private float[] Compute(Func<Tensor> work) => DeviceFailures.Watch(_weights.Device, () =>
    {
        using var scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        return work().cpu().contiguous().data<float>().ToArray();
    });

    private Tensor Normed(ReadOnlySpan<int> rows, TorchCache[]? caches)
    {
        Tensor wanted = HostCopy.Indices(rows, _weights.Device);
        var lanes = new LanePasses(_uploaded is null ? [] : [new TorchLanePass(_batch.Lane(0), _uploaded)], _batch.Rows, _weights.Device);
        Tensor output = _decoder.Forward(new TorchBatch(_batch, _weights), lanes, caches);
        return _decoder.Norm(output.index_select(0, wanted), _weights.FinalNorm);
    }
}
