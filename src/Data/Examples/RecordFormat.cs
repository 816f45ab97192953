namespace FedLLM.Data.Examples;

/// <summary>What records become.</summary>
public enum SampleKind
{
    /// <summary>Sequences with scored tokens, for instruction tuning.</summary>
    Sequence,

    /// <summary>Pairs of answers to one prompt, for preference learning.</summary>
    Pair,
}

/// <summary>How a record is built.</summary>
internal enum RecordShape
{
    /// <summary>Named fields: instruction [+ " " + input, where that is not empty] and response.</summary>
    Fields,

    /// <summary>A list of messages.</summary>
    Dialogue,

    /// <summary>Prompt, chosen and rejected.</summary>
    Preference,

    /// <summary>Two whole dialogues in hh-rlhf's text form.</summary>
    DialoguePair,

    /// <summary>Whatever each record's own fields say.</summary>
    Any,
}

/// <summary>Which fields of a record make an example, and how. Other fields are ignored.</summary>
/// <remarks>
/// instruction = <see cref="Instruction"/> [+ " " + <see cref="Input"/>, where that is not empty] and response = <see cref="Response"/> are OpenFedLLM's rule
/// for Alpaca (utils/process_dataset.py) and its transcription to other names. The instruction and the response must be there and be strings. The input
/// may be missing or null, which means that there is none.
/// </remarks>
public sealed record RecordFormat
{
    private RecordFormat(string name, SampleKind kind, RecordShape shape)
    {
        Name = name;
        Kind = kind;
        Shape = shape;
    }

    /// <summary>Alpaca and its kin: <c>instruction</c>, <c>input</c>, <c>output</c>.</summary>
    public static RecordFormat Alpaca { get; } = Fields("alpaca", "instruction", "input", "output");

    /// <summary>databricks-dolly-15k: <c>instruction</c>, <c>context</c>, <c>response</c>.</summary>
    public static RecordFormat Dolly { get; } = Fields("dolly", "instruction", "context", "response");

    /// <summary><c>instruction</c> and <c>response</c>, and nothing else is read.</summary>
    public static RecordFormat Plain { get; } = Fields("plain", "instruction", null, "response");

    /// <summary>GSM8K: <c>question</c> and <c>answer</c>.</summary>
    public static RecordFormat Gsm8k { get; } = Fields("gsm8k", "question", null, "answer");

    /// <summary>Super-NaturalInstructions as FlexLoRA cuts it: Alpaca's fields and a <c>category</c>.</summary>
    public static RecordFormat NaturalInstructions { get; } = Fields("natural-instructions", "instruction", "input", "output");

    /// <summary>ShareGPT's dialogues: <c>conversations</c>, a list of <c>from</c> and <c>value</c>.</summary>
    public static RecordFormat ShareGpt { get; } = new("sharegpt", SampleKind.Sequence, RecordShape.Dialogue) { List = "conversations" };

    /// <summary>Dialogues as chat interfaces have them: <c>messages</c>, a list of <c>role</c> and <c>content</c>.</summary>
    public static RecordFormat Messages { get; } = new("messages", SampleKind.Sequence, RecordShape.Dialogue) { List = "messages" };

    /// <summary><c>prompt</c>, <c>chosen</c> and <c>rejected</c>: strings, or lists of messages whose last one is the answer (UltraFeedback binarized).</summary>
    public static RecordFormat Preference { get; } = new("preference", SampleKind.Pair, RecordShape.Preference);

    /// <summary>hh-rlhf: <c>chosen</c> and <c>rejected</c> are whole dialogues in one string; see <see cref="DialoguePair"/>.</summary>
    public static RecordFormat HhRlhf { get; } = new("hh-rlhf", SampleKind.Pair, RecordShape.DialoguePair);

    /// <summary>hh-rlhf cut to the letter as OpenFedLLM cuts it, which loses what both answers begin with; see <see cref="DialoguePair"/>.</summary>
    public static RecordFormat HhRlhfOpenFedLlm { get; } = new("hh-rlhf-openfedllm", SampleKind.Pair, RecordShape.DialoguePair) { LosesCommonStart = true };

    /// <summary>Records of several formats in one file: each one is recognized by its own fields.</summary>
    public static RecordFormat Mixed { get; } = new("mixed", SampleKind.Sequence, RecordShape.Any);

    /// <summary>The same for pairs.</summary>
    public static RecordFormat MixedPairs { get; } = new("mixed-pairs", SampleKind.Pair, RecordShape.Any);

    /// <summary>All formats that have a name.</summary>
    public static IReadOnlyList<RecordFormat> All { get; } =
        [Alpaca, Dolly, Plain, Gsm8k, NaturalInstructions, ShareGpt, Messages, Mixed, Preference, HhRlhf, HhRlhfOpenFedLlm, MixedPairs];

    /// <summary>The name in an experiment file (<c>data.format</c>).</summary>
    public string Name { get; }

    /// <summary>What its records become.</summary>
    public SampleKind Kind { get; }

    internal RecordShape Shape { get; }

    /// <summary>Field of the instruction.</summary>
    internal string? Instruction { get; private init; }

    /// <summary>Field of the input or context, or null where the format has none.</summary>
    internal string? Input { get; private init; }

    /// <summary>Field of the response.</summary>
    internal string? Response { get; private init; }

    /// <summary>Field of the messages.</summary>
    internal string? List { get; private init; }

    /// <summary>Whether what both answers begin with is lost.</summary>
    internal bool LosesCommonStart { get; private init; }

    /// <summary>Returns the format of that name, or null. <c>auto</c> is not a format: it stands for recognising one from a file's first record.</summary>
    public static RecordFormat? Find(string name) => All.FirstOrDefault(m => m.Name == name);

    private static RecordFormat Fields(string name, string instruction, string? input, string response) =>
        new(name, SampleKind.Sequence, RecordShape.Fields) { Instruction = instruction, Input = input, Response = response };
}
