namespace FedLLM.Experiments.Configuration;

/// <summary>What came of reading a value: the value, or what is wrong with it (never the value itself).</summary>
/// <param name="Value">The value; null means none.</param>
/// <param name="Problem">What is wrong and what is allowed, or null.</param>
internal readonly record struct ValueReading(object? Value, string? Problem)
{
    public static ValueReading Of(object? value) => new(value, null);

    public static ValueReading Wrong(string problem) => new(null, problem);
}

/// <summary>The type of a key's value: how it is read from YAML and written back.</summary>
internal abstract class ValueType
{
    /// <summary>Reads a value; relative paths are those of <paramref name="folder"/>.</summary>
    public abstract ValueReading Read(SourceNode node, string folder);

    /// <summary>Writes a value that <see cref="Read"/> returned, as YAML on one line.</summary>
    public abstract string Write(object? value);

    /// <summary>Returns the value an override's text stands for.</summary>
    public virtual SourceNode FromOverride(string text) => new ScalarNode(text, Quoted: false, Line: 0);
}
