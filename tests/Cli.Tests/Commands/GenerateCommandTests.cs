using System.Text.Json;
using FedLLM.Cli.Tests.Support;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.TestSupport;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class GenerateCommandTests(SmallWorld world)
{
    private const string Prompt = "The cat";

    [Fact]
    public async Task Text_AndJson_AreTheSameContinuation()
    {
        Answer plain = await Answer.Of("generate", "--model", world.Model, "--prompt", Prompt, "--max-new-tokens", "12");
        JsonElement json = (await Answer.Of("generate", "--model", world.Model, "--prompt", Prompt, "--max-new-tokens", "12", "--json")).Json();
        Assert.Equal(json.GetProperty("text").GetString() + Environment.NewLine, plain.Out);
        Assert.Equal(string.Empty, plain.Error);

        ITokenizer tokenizer = TokenizerDirectory.Load(world.Model);
        int[] prompt = [.. tokenizer.Encode(Prompt).Select(t => t.Id)];
        int[] ids = Ids(json);
        Assert.Equal(prompt.Length, json.GetProperty("prompt_tokens").GetInt32());
        Assert.InRange(ids.Length, 1, 12);
        Assert.Equal(tokenizer.Decode([.. prompt, .. ids]), Prompt + json.GetProperty("text").GetString());
        bool ended = ids[^1] == tokenizer.EndOfSequenceId;
        Assert.Equal(ended ? "end_of_sequence" : "max_new_tokens", json.GetProperty("ended_by").GetString());
    }

    [Fact]
    public async Task Sampling_FollowsItsSeed()
    {
        async Task<string> Sample(string seed) =>
            (await Answer.Of("generate", "--model", world.Model, "--prompt", Prompt, "--temperature", "1.5", "--seed", seed)).Out;

        string first = await Sample("1");
        Assert.Equal(first, await Sample("1"));
        Assert.NotEqual(first, await Sample("2"));
    }

    [Fact]
    public async Task Template_FramesThePrompt()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(world.Model);
        string framed = Data.Templates.PromptTemplate.Vicuna.GenerationPrompt(Prompt);
        JsonElement json = (await Answer.Of(
            "generate", "--model", world.Model, "--prompt", Prompt, "--template", "vicuna", "--max-new-tokens", "1", "--json")).Json();
        Assert.Equal(tokenizer.Encode(framed).Count, json.GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Adapter_ChangesTheContinuation()
    {
        using var folder = new TemporaryFolder();
        ModelConfig model = ModelDirectory.LoadConfig(world.Model);
        var config = new LoraConfig(4, 400, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value, LinearKind.Down });
        LoraAdapter adapter = LoraAdapter.Initialize(model, config, seed: 3);
        for (int i = 0; i < adapter.Parameters.Values.Length; i++)
        {
            adapter.Parameters.Values[i] += 0.05f * ((i % 7) - 3); // B is zero at first
        }

        PeftAdapter.Save(folder["adapter"], config, adapter.Parameters, null);
        Answer without = await Answer.Of("generate", "--model", world.Model, "--prompt", Prompt);
        Answer with = await Answer.Of("generate", "--model", world.Model, "--adapter", folder["adapter"], "--prompt", Prompt);
        Assert.Equal(0, with.Code);
        Assert.NotEqual(without.Out, with.Out);
    }

    [Fact]
    public async Task Prompt_LongerThanTheModel_IsRefused()
    {
        string prompt = string.Join(' ', Enumerable.Repeat("The cat likes fish.", 200));
        (await Answer.Of("generate", "--model", world.Model, "--prompt", prompt)).IsOneLine(2, "--prompt", "256 positions", "Shorten");
    }

    [Fact]
    public async Task Prompt_Empty_IsRefused() =>
        (await Answer.Of("generate", "--model", world.Model, "--prompt", "")).IsOneLine(2, "--prompt", "Give");

    [SkippableFact]
    public async Task PretrainedModel_Greedy_IsGolden()
    {
        string model = SharedData.Require("models", "stories260K");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(Path.Combine(model, "golden_greedy_64.json")));
        int promptIds = golden.RootElement.GetProperty("prompt_ids").GetArrayLength();
        int[] expected = [.. golden.RootElement.GetProperty("steps").EnumerateArray().Skip(promptIds - 1).Select(s => s.GetProperty("next").GetInt32())];
        JsonElement json = (await Answer.Of(
            "generate", "--model", model, "--prompt", golden.RootElement.GetProperty("prompt").GetString()!,
            "--max-new-tokens", $"{expected.Length}", "--json")).Json();
        Assert.Equal(expected, Ids(json));
        Assert.StartsWith(", there was a little girl", json.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    private static int[] Ids(JsonElement json) => [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
