namespace FedLLM.Experiments.Configuration;

/// <summary>A value as it stands in an experiment file, before it has a type.</summary>
/// <param name="Line">Line from 1; 0 for an override.</param>
internal abstract record SourceNode(int Line);

/// <summary>A single value.</summary>
/// <param name="Text">Its text, quotes and escapes resolved.</param>
/// <param name="Quoted">Whether it was quoted or a block, and so can only be text.</param>
/// <param name="Line">Line from 1; 0 for an override.</param>
internal sealed record ScalarNode(string Text, bool Quoted, int Line) : SourceNode(Line);

/// <summary>A list.</summary>
internal sealed record SequenceNode(IReadOnlyList<SourceNode> Items, int Line) : SourceNode(Line);

/// <summary>A section: names with values, duplicates still in it.</summary>
internal sealed record MappingNode(IReadOnlyList<(ScalarNode Key, SourceNode Value)> Entries, int Line) : SourceNode(Line);
