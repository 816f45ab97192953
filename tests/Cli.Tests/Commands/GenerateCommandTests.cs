using System.Text.Json;
using FedLLM.Cli.Tests.Support;
using FedLLM.Engine;
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
        Assert.Equal($"device: cpu ({NumericsVersion.Current})" + Environment.NewLine, plain.Error);

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

    [Fact]
    public async Task Prompts_Several_AreEachAnsweredInOrder()
    {
        using var folder = new TemporaryFolder();
        string[] prompts = ["The cat", "The owl\nlikes", "Below is"];
        string file = folder.Write("prompts.jsonl", string.Join("\n\n", prompts.Select(p => JsonSerializer.Serialize(p))));
        string[] settings = ["--max-new-tokens", "9", "--temperature", "0.8", "--top-k", "20", "--top-p", "0.9", "--seed", "5"];
        Answer given = await Answer.Of(["generate", "--model", world.Model, .. prompts.SelectMany(p => new[] { "--prompt", p }), .. settings, "--json"]);
        Answer read = await Answer.Of(["generate", "--model", world.Model, "--prompts-file", file, .. settings, "--json"]);
        Assert.Equal(given, read);
        JsonElement[] continuations = [.. given.Json().GetProperty("continuations").EnumerateArray()];
        Assert.Equal(3, continuations.Length);
        JsonElement alone = (await Answer.Of(["generate", "--model", world.Model, "--prompt", prompts[0], .. settings, "--json"])).Json();
        Assert.Equal(alone.GetRawText(), continuations[0].GetRawText());

        Answer plain = await Answer.Of(["generate", "--model", world.Model, "--prompts-file", file, .. settings]);
        Assert.Contains($"== prompt 1 =={Environment.NewLine}{alone.GetProperty("text").GetString()}{Environment.NewLine}== prompt 2 ==", plain.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"a\"\nplain\n", "line 2: is not a JSON string")]
    [InlineData("\"a\"\n{\"prompt\":\"b\"}", "line 2: is not a JSON string")]
    [InlineData("null", "line 1: is not a JSON string")]
    [InlineData("\n \n", "holds no prompt")]
    public async Task PromptsFile_Malformed_NamesTheLine(string text, string part)
    {
        using var folder = new TemporaryFolder();
        (await Answer.Of("generate", "--model", world.Model, "--prompts-file", folder.Write("p.jsonl", text))).IsOneLine(1, "p.jsonl", part);
        (await Answer.Of("generate", "--model", world.Model, "--prompts-file", folder["none"])).IsOneLine(1, "none", "does not exist");
    }

    [Fact]
    public async Task Stop_TextOfTheContinuation_CutsIt()
    {
        string[] settings = ["--model", world.Model, "--prompt", Prompt, "--max-new-tokens", "30", "--temperature", "1.2", "--seed", "4", "--json"];
        JsonElement free = (await Answer.Of(["generate", .. settings])).Json();
        string text = free.GetProperty("text").GetString()!;
        Assert.True(text.Length > 8, text);
        string stop = text[4..7];
        JsonElement stopped = (await Answer.Of(["generate", .. settings, "--stop", "no such text", "--stop", stop])).Json();
        Assert.Equal(text[..text.IndexOf(stop, StringComparison.Ordinal)], stopped.GetProperty("text").GetString());
        Assert.Equal("stop_string", stopped.GetProperty("ended_by").GetString());
        Assert.Equal(Ids(free)[..Ids(stopped).Length], Ids(stopped));
        Assert.True(Ids(stopped).Length < Ids(free).Length);
        (await Answer.Of(["generate", .. settings, "--stop", ""])).IsOneLine(2, "--stop", "give a text");
    }

    [Fact]
    public async Task Adapter_OfNaN_IsNamed()
    {
        using var folder = new TemporaryFolder();
        ModelConfig model = ModelDirectory.LoadConfig(world.Model);
        var config = new LoraConfig(4, 8, 0, new HashSet<LinearKind> { LinearKind.Query });
        LoraAdapter adapter = LoraAdapter.Initialize(model, config, seed: 3);
        adapter.Parameters.Values.AsSpan().Fill(float.NaN);
        PeftAdapter.Save(folder["adapter"], config, adapter.Parameters, null);
        (await Answer.Of("generate", "--model", world.Model, "--adapter", folder["adapter"], "--prompt", Prompt))
            .IsOneLine(1, folder["adapter"], "not made of numbers", "diverged");
    }

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
