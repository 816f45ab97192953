using FedLLM.Data.Shards;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>Samples of instruction tuning: the shards' sequences as they are.</summary>
public sealed class SequenceSamples(IShardSource<TokenSequence> shards) : IClientSamples<TokenSequence>
{
    /// <inheritdoc/>
    public int Count(int client) => shards.Size(client).Samples;

    /// <inheritdoc/>
    public double Tokens(int client, IReadOnlyList<int> rows) => SampleTokens.Of(shards, client, rows, sample => sample.Tokens.Length);

    /// <inheritdoc/>
    public IReadOnlyDictionary<int, TokenSequence> Load(
        int client, IReadOnlyList<int> rows, TensorSet global, ILanguageModel model, CancellationToken cancellationToken)
    {
        IReadOnlyList<TokenSequence> samples = shards.Load(client).Samples;
        return rows.ToDictionary(row => row, row => samples[row]);
    }
}
