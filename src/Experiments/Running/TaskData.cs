using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Engine.Training;

namespace FedLLM.Experiments.Running;

/// <summary>The clients' samples and the held-out ones, of the kind that the task learns from.</summary>
public abstract record TaskData
{
    private protected TaskData()
    {
    }

    /// <summary>The clients and their counts, whatever the kind.</summary>
    public abstract IShards Shards { get; }

    /// <summary>The clients with their own held-out data; null where that is not asked for. With algorithm centralized, those of the partition.</summary>
    public abstract IShards? OwnShards { get; }

    /// <summary>What was counted in the held-out data, or null without such.</summary>
    public abstract SampleTally? HeldOutTally { get; }
}

/// <summary>Instruction tuning: sequences with scored tokens.</summary>
/// <param name="Source">The clients' samples.</param>
/// <param name="HeldOut">The samples of <c>evaluation.data</c>, of the test set or of <c>data.evaluation</c>, or null.</param>
public sealed record SequenceData(IShardSource<TokenSequence> Source, SampleSet<TokenSequence>? HeldOut) : TaskData
{
    /// <summary>Each client's own held-out samples, which may be none; null where they are not asked for.</summary>
    public IShardSource<TokenSequence>? Own { get; init; }

    /// <inheritdoc/>
    public override IShards? OwnShards => Own;

    /// <inheritdoc/>
    public override IShards Shards => Source;

    /// <inheritdoc/>
    public override SampleTally? HeldOutTally => HeldOut?.Tally;
}

/// <summary>Preference learning: pairs of answers to one prompt.</summary>
/// <param name="Source">The clients' pairs.</param>
/// <param name="HeldOut">The pairs of <c>evaluation.data</c>, of the test set or of <c>data.evaluation</c>, or null.</param>
public sealed record PairData(IShardSource<PreferencePair> Source, SampleSet<PreferencePair>? HeldOut) : TaskData
{
    /// <summary>Each client's own held-out samples, which may be none; null where they are not asked for.</summary>
    public IShardSource<PreferencePair>? Own { get; init; }

    /// <inheritdoc/>
    public override IShards? OwnShards => Own;

    /// <inheritdoc/>
    public override IShards Shards => Source;

    /// <inheritdoc/>
    public override SampleTally? HeldOutTally => HeldOut?.Tally;
}
