using System.Collections.Concurrent;
using FedLLM.Data.Shards;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>The policy that preferences are learned against.</summary>
public enum Reference
{
    /// <summary>One policy for the whole run: the base model, or the base model with a given adapter.</summary>
    Fixed,

    /// <summary>The global adapter that a round begins with.</summary>
    Round,
}

/// <summary>
/// Samples of preference learning: the shards' pairs with the reference's log-likelihoods. Those of a fixed reference are computed once per pair and kept for the run
/// (48 bytes a pair that was trained on); those of the round's global adapter once per pair and round.
/// </summary>
public sealed class PairSamples : IClientSamples<ReferencedPair>
{
    private readonly IShardSource<PreferencePair> _shards;
    private readonly Reference _reference;
    private readonly Func<int, TensorSet, LoraAdapter?> _adapter;
    private readonly ConcurrentDictionary<(int Client, int Row), (SequenceScore Chosen, SequenceScore Rejected)> _scores = new();

    private PairSamples(IShardSource<PreferencePair> shards, Reference reference, Func<int, TensorSet, LoraAdapter?> adapter)
        => (_shards, _reference, _adapter) = (shards, reference, adapter);

    /// <summary>Compares with the base model, adapter off, or with <paramref name="adapter"/> on it.</summary>
    public static PairSamples Against(IShardSource<PreferencePair> shards, LoraAdapter? adapter) => new(shards, Reference.Fixed, (_, _) => adapter);

    /// <summary>Compares with the global adapter of each round.</summary>
    /// <param name="shards">The shards.</param>
    /// <param name="model">The architecture.</param>
    /// <param name="lora">The shape of a client's adapter.</param>
    public static PairSamples AgainstRound(IShardSource<PreferencePair> shards, ModelConfig model, Func<int, LoraConfig> lora)
        => new(shards, Reference.Round, (client, begun) => new LoraAdapter(model, lora(client), begun));

    /// <inheritdoc/>
    public int Count(int client) => _shards.Size(client).Samples;

    /// <inheritdoc/>
    public double Tokens(int client, IReadOnlyList<int> rows) => SampleTokens.Of(_shards, client, rows, pair => pair.Tokens);

    /// <inheritdoc/>
    public IReadOnlyDictionary<int, ReferencedPair> Load(
        int client, IReadOnlyList<int> rows, TensorSet global, ILanguageModel model, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(model);
        IReadOnlyList<PreferencePair> pairs = _shards.Load(client).Samples;
        var result = new Dictionary<int, ReferencedPair>();
        var missing = new List<int>();
        foreach (int row in rows)
        {
            if (_reference == Reference.Fixed && _scores.TryGetValue((client, row), out (SequenceScore Chosen, SequenceScore Rejected) score))
            {
                result.Add(row, new ReferencedPair(pairs[row], score.Chosen, score.Rejected));
            }
            else
            {
                missing.Add(row);
            }
        }

        model.Adapter = _adapter(client, global);
        foreach (int[] batch in TokenBatches.Of(missing, row => pairs[row].Tokens))
        {
            cancellationToken.ThrowIfCancellationRequested();
            (SequenceScore Chosen, SequenceScore Rejected)[] scores = model.Score([.. batch.Select(row => pairs[row])]);
            for (int i = 0; i < batch.Length; i++)
            {
                result.Add(batch[i], new ReferencedPair(pairs[batch[i]], scores[i].Chosen, scores[i].Rejected));
                if (_reference == Reference.Fixed)
                {
                    _scores[(client, batch[i])] = scores[i];
                }
            }
        }

        return result;
    }
}
