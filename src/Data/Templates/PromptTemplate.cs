namespace FedLLM.Data.Templates;

/// <summary>
/// The frame around an instruction. The full text of a sample is prompt + response (+ end-of-sequence, added as a token), to the letter what
/// OpenFedLLM's <c>utils/template.py</c> gives for <c>template.format(instruction, response, eos)</c>.
/// </summary>
/// <remarks>The template's space before the response belongs to the prompt: the response begins behind it.</remarks>
public sealed class PromptTemplate
{
    private const string AlpacaSystem = "Below is an instruction that describes a task. Write a response that appropriately completes the request.";
    private const string VicunaSystem = "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions.";

    private readonly string _before;
    private readonly string _after;

    private PromptTemplate(string name, string before, string after, DialogueFrame dialogue)
    {
        Name = name;
        Dialogue = dialogue;
        _before = before;
        _after = after;
    }

    /// <summary>The Alpaca frame, with the space OpenFedLLM has behind the instruction.</summary>
    public static PromptTemplate Alpaca { get; } = new(
        "alpaca",
        AlpacaSystem + "\n\n### Instruction:\n",
        " \n\n### Response: ",
        new DialogueFrame(AlpacaSystem, "\n\n", "### Instruction", "### Response"));

    /// <summary>The Vicuna v1.1 frame.</summary>
    public static PromptTemplate Vicuna { get; } = new(
        "vicuna",
        VicunaSystem + " USER: ",
        " ASSISTANT: ",
        new DialogueFrame(VicunaSystem, " ", "USER", "ASSISTANT"));

    /// <summary>All templates.</summary>
    public static IReadOnlyList<PromptTemplate> All { get; } = [Alpaca, Vicuna];

    /// <summary>The name in an experiment file (<c>data.template</c>).</summary>
    public string Name { get; }

    /// <summary>
    /// The frame around a dialogue: FastChat's conversation of the same name (<c>vicuna_v1.1</c>, <c>alpaca</c>). Vicuna's is the one frame in both forms;
    /// FastChat's alpaca has other line breaks than OpenFedLLM's for a single instruction.
    /// </summary>
    public DialogueFrame Dialogue { get; }

    /// <summary>Returns the template of that name, or null.</summary>
    public static PromptTemplate? Find(string name) => All.FirstOrDefault(t => t.Name == name);

    /// <summary>Returns the name: what help shows as the default.</summary>
    public override string ToString() => Name;

    /// <summary>Returns the text up to the response's first character, the space before it included.</summary>
    public string Prompt(string instruction) => _before + instruction + _after;

    /// <summary>
    /// Returns the text to generate from: <see cref="Prompt"/> without its final space, because most tokenizers join that space to the response's first
    /// word, and a prompt that ends in a space of its own is one the model never saw.
    /// </summary>
    public string GenerationPrompt(string instruction) => Prompt(instruction)[..^1];
}
