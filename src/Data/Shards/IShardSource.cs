using FedLLM.Data.Samples;

namespace FedLLM.Data.Shards;

/// <summary>One client's data, ready for training.</summary>
/// <typeparam name="TSample">What a client trains on: a <see cref="Engine.Training.TokenSequence"/> or a <see cref="Engine.Training.PreferencePair"/>.</typeparam>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Name">The client's name.</param>
/// <param name="Samples">Its usable samples, at least one but for held-out data. Of training data, their number is the client's aggregation weight.</param>
public sealed record Shard<TSample>(int Client, string Name, IReadOnlyList<TSample> Samples);

/// <summary>What was counted in one client's data.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Name">The client's name.</param>
/// <param name="Tally">The counts.</param>
public sealed record ShardReport(int Client, string Name, SampleTally Tally)
{
    /// <summary>The counts of its own held-out data; null where that is not asked for.</summary>
    public SampleTally? HeldOut { get; init; }

    /// <summary>Returns the same without the labels, whose names are content of the data.</summary>
    public ShardReport WithoutLabels() => this with { Tally = Tally.WithoutLabels() };

    /// <summary>The line to show where more than 20 % of the records are excluded, or null.</summary>
    public string? Warning => Tally.IsWarning
        ? FormattableString.Invariant(
            $"client {Client} ({Name}): {100 * Tally.ExcludedShare:F1} % of its {Tally.Records} records are excluded: {Tally.DescribeExclusions()}")
        : null;
}

/// <summary>The clients and what is counted in their data, whatever they train on. Implementations are safe for concurrent use.</summary>
public interface IShards
{
    /// <summary>Number of clients.</summary>
    int Clients { get; }

    /// <summary>Returns the name of a client.</summary>
    string Name(int client);

    /// <summary>Returns what is counted in a client's data; the first time it is asked, the data is read and tokenized.</summary>
    /// <exception cref="Engine.Files.InputFileException">The data is defective or holds no usable sample.</exception>
    ShardReport Report(int client);

    /// <summary>Returns a client's numbers of usable samples and of their tokens, at less cost than <see cref="Report"/>.</summary>
    /// <exception cref="Engine.Files.InputFileException">The data is defective or holds no usable sample.</exception>
    (int Samples, long Tokens) Size(int client);
}

/// <summary>The clients' data. Implementations are safe for concurrent use.</summary>
/// <typeparam name="TSample">What a client trains on.</typeparam>
public interface IShardSource<TSample> : IShards
{
    /// <summary>Returns a client's data.</summary>
    /// <exception cref="Engine.Files.InputFileException">The data is defective, holds no usable sample, or has changed since it was counted.</exception>
    Shard<TSample> Load(int client);

    /// <summary>Returns a client's data where it is in memory, else null; nothing is read.</summary>
    Shard<TSample>? Find(int client);
}
