namespace FedLLM.Grains;

/// <summary>The key of a <see cref="ShardsGrain"/>: <c>run/silo</c>.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Silo">The silo's name.</param>
internal readonly record struct ShardsKey(string Run, string Silo)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Run}/{Silo}";

    /// <summary>Reads a key.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ShardsKey Parse(string key) => key.Split('/') is [{ Length: > 0 } run, { Length: > 0 } silo]
        ? new ShardsKey(run, silo)
        : throw new FormatException($"'{key}' is no key of a silo's shards: it is not run/silo.");
}
