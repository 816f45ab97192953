using FedLLM.Data.Examples;

namespace FedLLM.Data.Partitioning;

/// <summary>A dataset in memory and, for each client, the rows that are its own.</summary>
public sealed class RowPartition : IPartition
{
    private readonly string _origin;
    private readonly IReadOnlyList<Example> _examples;
    private readonly IReadOnlyList<string>? _names;

    /// <summary>Joins a dataset and a cut of it.</summary>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <param name="examples">The dataset.</param>
    /// <param name="rows">Per client, its rows in the order in which they are read.</param>
    /// <param name="names">The clients' names, or null for <c>client_0</c>, <c>client_1</c>, …</param>
    public RowPartition(string origin, IReadOnlyList<Example> examples, IReadOnlyList<int[]> rows, IReadOnlyList<string>? names = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rows.Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(names?.Count ?? rows.Count, rows.Count);
        _origin = origin;
        _examples = examples;
        Rows = rows;
        _names = names;
    }

    /// <summary>Per client, its rows of the dataset.</summary>
    public IReadOnlyList<int[]> Rows { get; }

    /// <inheritdoc/>
    public int Clients => Rows.Count;

    /// <inheritdoc/>
    public string Name(int client) => _names?[client] ?? $"client_{client}";

    /// <inheritdoc/>
    public string Origin(int client) => _origin;

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => Rows[client].Select(row => _examples[row]);
}
