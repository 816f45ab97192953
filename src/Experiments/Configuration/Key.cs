namespace FedLLM.Experiments.Configuration;

/// <summary>What a key means for the identity of an experiment.</summary>
internal enum KeyRole
{
    /// <summary>Another value is another experiment.</summary>
    Result,

    /// <summary>Never changes a result: threads, checkpoints, evaluation, names.</summary>
    Harmless,

    /// <summary>A path: what counts is the content behind it, whose hash is part of the identity by itself.</summary>
    Content,
}

/// <summary>One key of the experiment file: everything there is to know about it, in one place.</summary>
/// <param name="Path">Section and name (<c>lora.rank</c>).</param>
/// <param name="Type">How its value is read and written.</param>
/// <param name="Default">Its default as YAML text, or null where it must be given (or has a default that depends on other keys).</param>
/// <param name="Value">Its value in a resolved experiment.</param>
/// <param name="Role">What it means for the identity.</param>
internal sealed record Key(string Path, ValueType Type, string? Default, Func<Experiment, object?> Value, KeyRole Role = KeyRole.Result)
{
    /// <summary>Its value as it stands in an experiment's identity, where that is not the value as written.</summary>
    public Func<Experiment, string>? Identity { get; init; }

    /// <summary>The section, or empty at the top.</summary>
    public string Section => Path.Contains('.', StringComparison.Ordinal) ? Path[..Path.LastIndexOf('.')] : string.Empty;

    /// <summary>The name within the section.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];
}
