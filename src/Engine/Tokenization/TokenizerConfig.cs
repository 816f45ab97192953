using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization;

/// <summary>What a <c>tokenizer_config.json</c> says about the begin- and end-of-sequence tokens; its many other keys are not for this program.</summary>
internal sealed class TokenizerConfig
{
    private TokenizerConfig(string path, JsonEntry root)
    {
        Path = path;
        BeginOfSequence = Token(root["bos_token"]);
        EndOfSequence = Token(root["eos_token"]);
        AddsBeginOfSequence = root["add_bos_token"].AsBool();
        AddsEndOfSequence = root["add_eos_token"].AsBool();
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The begin-of-sequence token, or null where none is named.</summary>
    public string? BeginOfSequence { get; }

    /// <summary>The end-of-sequence token, or null where none is named.</summary>
    public string? EndOfSequence { get; }

    /// <summary>Whether begin-of-sequence is added, or null where the file does not say.</summary>
    public bool? AddsBeginOfSequence { get; }

    /// <summary>Whether end-of-sequence is added, or null where the file does not say.</summary>
    public bool? AddsEndOfSequence { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputFileException">It is damaged, or one of the keys read has the wrong type.</exception>
    public static TokenizerConfig Read(string path) => new(path, JsonEntry.ParseObject(path));

    // Written as a string, or as an object (a serialized AddedToken).
    private static string? Token(JsonEntry entry) =>
        entry.IsNull ? null : entry.IsObject ? entry["content"].AsString() : entry.AsString();
}
