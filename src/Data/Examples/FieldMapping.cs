namespace FedLLM.Data.Examples;

/// <summary>
/// Which fields of a record make an example: instruction = <see cref="Instruction"/> [+ " " + <see cref="Input"/>, where that is not empty],
/// response = <see cref="Response"/>. This is OpenFedLLM's rule for Alpaca (utils/process_dataset.py) and its transcription to Dolly's names.
/// </summary>
/// <remarks>The instruction and the response must be there and be strings. The input may be missing or null, which means that there is none.</remarks>
public sealed record FieldMapping
{
    private FieldMapping(string name, string instruction, string? input, string response)
    {
        Name = name;
        Instruction = instruction;
        Input = input;
        Response = response;
    }

    /// <summary>Alpaca and its kin: <c>instruction</c>, <c>input</c>, <c>output</c>.</summary>
    public static FieldMapping Alpaca { get; } = new("alpaca", "instruction", "input", "output");

    /// <summary>databricks-dolly-15k: <c>instruction</c>, <c>context</c>, <c>response</c>.</summary>
    public static FieldMapping Dolly { get; } = new("dolly", "instruction", "context", "response");

    /// <summary><c>instruction</c> and <c>response</c>, and nothing else is read.</summary>
    public static FieldMapping Plain { get; } = new("plain", "instruction", null, "response");

    /// <summary>GSM8K: <c>question</c> and <c>answer</c>.</summary>
    public static FieldMapping Gsm8k { get; } = new("gsm8k", "question", null, "answer");

    /// <summary>Super-NaturalInstructions as FlexLoRA cuts it: Alpaca's fields and a <c>category</c>.</summary>
    public static FieldMapping NaturalInstructions { get; } = new("natural-instructions", "instruction", "input", "output");

    /// <summary>All mappings that have a name.</summary>
    public static IReadOnlyList<FieldMapping> All { get; } = [Alpaca, Dolly, Plain, Gsm8k, NaturalInstructions];

    /// <summary>The name in an experiment file (<c>data.format</c>).</summary>
    public string Name { get; }

    /// <summary>Field of the instruction.</summary>
    public string Instruction { get; }

    /// <summary>Field of the input or context, or null where the format has none.</summary>
    public string? Input { get; }

    /// <summary>Field of the response.</summary>
    public string Response { get; }

    /// <summary>Returns the mapping of that name, or null. <c>auto</c> is not a mapping: it stands for recognising one from a file's first record.</summary>
    public static FieldMapping? Find(string name) => All.FirstOrDefault(m => m.Name == name);
}
