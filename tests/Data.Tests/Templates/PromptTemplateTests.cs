using FedLLM.Data.Templates;

namespace FedLLM.Data.Tests.Templates;

public sealed class PromptTemplateTests
{
    // OpenFedLLM's utils/template.py, with {} for what str.format fills in.
    private const string Alpaca =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n{} \n\n### Response: {}{}";

    private const string Vicuna =
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. USER: {} ASSISTANT: {}{}";

    [Theory]
    [InlineData("alpaca", Alpaca)]
    [InlineData("vicuna", Vicuna)]
    public void Prompt_AnyInstruction_GivesTheTemplatesTextUpToTheResponse(string name, string template)
    {
        PromptTemplate found = PromptTemplate.Find(name)!;
        string[] parts = template.Split("{}");
        Assert.Equal(parts[0] + "Add {} and {0}." + parts[1] + "Four", found.Prompt("Add {} and {0}.") + "Four");
    }

    [Theory]
    [InlineData("alpaca", "### Response:")]
    [InlineData("vicuna", " ASSISTANT:")]
    public void GenerationPrompt_AnyInstruction_LacksOnlyTheFinalSpace(string name, string end)
    {
        PromptTemplate template = PromptTemplate.Find(name)!;
        Assert.Equal(template.Prompt("x"), template.GenerationPrompt("x") + " ");
        Assert.EndsWith(end, template.GenerationPrompt("x"), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_UnknownName_GivesNull() => Assert.Null(PromptTemplate.Find("llama-2"));
}
