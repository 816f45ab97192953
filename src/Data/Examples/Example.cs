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

/// <summary>What one record says: an instruction with its answer, a dialogue, or a prompt with two answers.</summary>
/// <param name="Category">The label of the record, or null where the file has none. It serves partitioning and histograms, never training.</param>
/// <param name="Source">Where the record stands.</param>
public abstract record Example(string? Category, SourcePlace Source);

/// <summary>One instruction with its answer.</summary>
/// <param name="Instruction">What is asked, with its input or context appended after one space.</param>
/// <param name="Response">The answer; it may be empty, which excludes the example later, with a count.</param>
/// <param name="Category">The label of the record, or null.</param>
/// <param name="Source">Where the record stands.</param>
public sealed record InstructionExample(string Instruction, string Response, string? Category, SourcePlace Source) : Example(Category, Source);

/// <summary>Who speaks in a dialogue.</summary>
public enum MessageRole
{
    /// <summary>Sets the scene; at most the first message.</summary>
    System,

    /// <summary>Asks.</summary>
    User,

    /// <summary>Answers.</summary>
    Assistant,
}

/// <summary>One message of a dialogue.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Text">What is said; it may be empty.</param>
public readonly record struct Message(MessageRole Role, string Text);

/// <summary>A dialogue of several turns, as the record has it: nothing is checked yet but that roles are known.</summary>
/// <param name="System">The text of a first message by the system, or null.</param>
/// <param name="Turns">The other messages.</param>
/// <param name="Category">The label of the record, or null.</param>
/// <param name="Source">Where the record stands.</param>
public sealed record DialogueExample(string? System, IReadOnlyList<Message> Turns, string? Category, SourcePlace Source) : Example(Category, Source);

/// <summary>A prompt with two answers, one of which was preferred.</summary>
/// <param name="System">The text of a first message by the system, or null.</param>
/// <param name="Prompt">The dialogue up to the answers, which ends with the user's turn; empty where the two answers' records share none.</param>
/// <param name="Chosen">The answer that was preferred, as it follows the assistant's name and colon: with the space before it.</param>
/// <param name="Rejected">The other.</param>
/// <param name="Category">The label of the record, or null.</param>
/// <param name="Source">Where the record stands.</param>
public sealed record PreferenceExample(
    string? System, IReadOnlyList<Message> Prompt, string Chosen, string Rejected, string? Category, SourcePlace Source) : Example(Category, Source);
