namespace FedLLM.Federation.Lora;

/// <summary>The rank and scaling of an adapter: ΔW = (alpha / r)·B·A.</summary>
/// <param name="Rank">r, at least 1.</param>
/// <param name="Alpha">alpha, positive and finite.</param>
public sealed record LoraShape(int Rank, double Alpha)
{
    /// <summary>s = alpha / r.</summary>
    public double Scaling => Alpha / Rank;
}

/// <summary>The adapters' shapes: the global one, and those of the clients that have another.</summary>
public sealed class LoraShapes
{
    private readonly IReadOnlyDictionary<int, LoraShape> _byClient;

    /// <summary>Fixes the shapes.</summary>
    /// <param name="global">The global adapter's.</param>
    /// <param name="byClient">Those of clients with a shape of their own; ranks of at most the global one.</param>
    /// <exception cref="ArgumentException">A rank or an alpha is out of its range; the message lists every problem.</exception>
    public LoraShapes(LoraShape global, IReadOnlyDictionary<int, LoraShape>? byClient = null)
    {
        ArgumentNullException.ThrowIfNull(global);
        Global = global;
        _byClient = byClient ?? new Dictionary<int, LoraShape>();
        List<string> problems = [.. Problems("The global adapter", global, int.MaxValue)];
        foreach ((int client, LoraShape shape) in _byClient.OrderBy(p => p.Key))
        {
            problems.AddRange(Problems($"Client {client}'s adapter", shape, global.Rank));
        }

        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(byClient));
        }
    }

    /// <summary>The global adapter's shape.</summary>
    public LoraShape Global { get; }

    /// <summary>Whether some client has another shape than the global adapter.</summary>
    public bool Differ => _byClient.Values.Any(s => s != Global);

    /// <summary>Returns the shape of a client's adapter.</summary>
    public LoraShape Of(int client) => _byClient.GetValueOrDefault(client, Global);

    private static IEnumerable<string> Problems(string whose, LoraShape shape, int largest)
    {
        if (shape.Rank < 1 || shape.Rank > largest)
        {
            yield return $"{whose} has the rank {shape.Rank}; " + (largest == int.MaxValue ? "it must be at least 1." : $"it must lie from 1 to the global {largest}.");
        }

        if (!double.IsFinite(shape.Alpha) || shape.Alpha <= 0)
        {
            yield return FormattableString.Invariant($"{whose} has the alpha {shape.Alpha}; it must be positive and finite.");
        }
    }
}
