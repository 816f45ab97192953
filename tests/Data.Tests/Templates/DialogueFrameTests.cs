using FedLLM.Data.Examples;
using FedLLM.Data.Templates;

namespace FedLLM.Data.Tests.Templates;

/// <summary>Against FastChat's vicuna_v1.1 and alpaca conversations, whose text is written out here with their &lt;/s&gt;.</summary>
public sealed class DialogueFrameTests
{
    private const string Vicuna =
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";

    private const string Alpaca = "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

    private static readonly Message[] Two =
        [new(MessageRole.User, "Hi"), new(MessageRole.Assistant, "Hello!"), new(MessageRole.User, "1 + 1?"), new(MessageRole.Assistant, "2")];

    [Theory]
    [InlineData("vicuna", Vicuna + " USER: Hi ASSISTANT: Hello!</s>USER: 1 + 1? ASSISTANT:")]
    [InlineData("alpaca", Alpaca + "\n\n### Instruction: Hi\n\n### Response: Hello!</s>### Instruction: 1 + 1?\n\n### Response:")]
    public void Render_OpenDialogue_IsFastChatsPrompt(string template, string expected) =>
        Assert.Equal(expected, Text(Frame(template).Render(null, Two[..3], open: true)));

    [Theory]
    [InlineData("vicuna", Vicuna + " USER: Hi ASSISTANT: Hello!</s>USER: 1 + 1? ASSISTANT: 2</s>")]
    [InlineData("alpaca", Alpaca + "\n\n### Instruction: Hi\n\n### Response: Hello!</s>### Instruction: 1 + 1?\n\n### Response: 2</s>")]
    public void Render_WholeDialogue_IsFastChatsText(string template, string expected)
    {
        IReadOnlyList<TextChunk> chunks = Frame(template).Render(null, Two, open: false);
        Assert.Equal(expected, Text(chunks));
        Assert.Equal(["Hello!", "2"], chunks.Select(c => c.Text[c.AnswerStart..]));
    }

    [Fact]
    public void Render_Vicuna_HasTheTextOfASingleInstruction()
    {
        TextChunk chunk = Assert.Single(Frame("vicuna").Render(null, Two[..2], open: false));
        Assert.Equal(PromptTemplate.Vicuna.Prompt("Hi") + "Hello!", chunk.Text);
        Assert.Equal(PromptTemplate.Vicuna.Prompt("Hi").Length, chunk.AnswerStart);
    }

    [Fact]
    public void Render_SystemMessage_StandsInPlaceOfTheFrames() =>
        Assert.Equal("Be brief. USER: Hi ASSISTANT:", Text(Frame("vicuna").Render("Be brief.", Two[..1], open: true)));

    [Fact]
    public void Render_MessagesWithoutText_AreSpeakersAndColonsAsInFastChat() => Assert.Equal(
        Vicuna + " USER:ASSISTANT:USER: x ASSISTANT:",
        Text(Frame("vicuna").Render(null, [new(MessageRole.User, ""), new(MessageRole.Assistant, ""), new(MessageRole.User, "x")], open: true)));

    [Fact]
    public void Render_TurnsOutOfOrder_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Frame("vicuna").Render(null, Two[1..], open: true));

    private static DialogueFrame Frame(string template) => PromptTemplate.Find(template)!.Dialogue;

    private static string Text(IEnumerable<TextChunk> chunks) => string.Concat(chunks.Select(c => c.Text + (c.Ends ? "</s>" : "")));
}
