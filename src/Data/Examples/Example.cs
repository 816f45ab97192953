namespace FedLLM.Data.Examples;

/// <summary>Where a record stands, for messages about it.</summary>
/// <param name="File">Path of the file.</param>
/// <param name="Line">Line of the (decompressed) text the record begins on, from 1.</param>
/// <param name="Record">Number of the record in the file, from 1.</param>
public readonly record struct SourcePlace(string File, long Line, long Record)
{
    /// <summary>Names line and record, without the file.</summary>
    public string InFile => $"line {Line}, record {Record}";
}

/// <summary>One instruction with its answer.</summary>
/// <param name="Instruction">What is asked, with its input or context appended after one space.</param>
/// <param name="Response">The answer; it may be empty, which excludes the example later, with a count.</param>
/// <param name="Category">The label of the record, or null where the file has none. It serves partitioning and histograms, never training.</param>
/// <param name="Source">Where the record stands.</param>
public sealed record Example(string Instruction, string Response, string? Category, SourcePlace Source);
