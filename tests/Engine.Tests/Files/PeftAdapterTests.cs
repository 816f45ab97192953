using System.Text.Json;
using System.Text.Json.Nodes;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Files;

public sealed class PeftAdapterTests
{
    private static readonly LoraConfig Lora = new(3, 6, 0.05, new HashSet<LinearKind> { LinearKind.Value, LinearKind.Query });

    [Fact]
    public void Save_ThenLoad_GivesTheSameAdapter()
    {
        using var folder = new TemporaryFolder();
        TensorSet tensors = SmallModel.Adapter(SmallModel.Llama, Lora);
        string hash = PeftAdapter.Save(folder.File("a"), Lora, tensors, "some/base");
        Assert.Equal(SafetensorsWriter.Hash(tensors), hash);
        foreach (ModelConfig? model in new[] { null, SmallModel.Llama })
        {
            PeftAdapter loaded = PeftAdapter.Load(folder.File("a"), model);
            Assert.Equal((3, 6.0, 0.05), (loaded.Config.Rank, loaded.Config.Alpha, loaded.Config.Dropout));
            Assert.Equal(Lora, loaded.Config);
            Assert.Equal(tensors.Layout, loaded.Tensors.Layout);
            Assert.Equal(tensors.Values, loaded.Tensors.Values);
            Assert.Equal("some/base", loaded.BaseModel);
        }
    }

    [Fact]
    public void Save_Config_HoldsWhatPeftReads()
    {
        using var folder = new TemporaryFolder();
        PeftAdapter.Save(folder.Path, Lora with { Alpha = 12.5 }, SmallModel.Adapter(SmallModel.Llama, Lora), null);
        using var json = JsonDocument.Parse(File.ReadAllBytes(folder.File("adapter_config.json")));
        JsonElement root = json.RootElement;
        Assert.Equal("LORA", root.GetProperty("peft_type").GetString());
        Assert.Equal("CAUSAL_LM", root.GetProperty("task_type").GetString());
        Assert.Equal(["q_proj", "v_proj"], root.GetProperty("target_modules").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal((3, 12.5), (root.GetProperty("r").GetInt32(), root.GetProperty("lora_alpha").GetDouble()));
        Assert.Equal(("none", false), (root.GetProperty("bias").GetString(), root.GetProperty("use_rslora").GetBoolean()));
        string[] keys = [.. root.EnumerateObject().Select(p => p.Name)];
        Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
    }

    [SkippableFact]
    public void Save_FixtureAdapter_KeepsEveryKeyValueAndByte()
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        using var folder = new TemporaryFolder();
        foreach (string original in SharedData.ModelCases().SelectMany(f => Directory.EnumerateDirectories(f, "adapter_*")))
        {
            PeftAdapter adapter = PeftAdapter.Load(original);
            PeftAdapter.Save(folder.Path, adapter.Config, adapter.Tensors, adapter.BaseModel);
            Assert.Equal(File.ReadAllBytes(Path.Combine(original, "adapter_model.safetensors")), File.ReadAllBytes(folder.File("adapter_model.safetensors")));

            // Every key we write is one PEFT wrote, with the same value.
            JsonObject theirs = JsonNode.Parse(File.ReadAllText(Path.Combine(original, "adapter_config.json")))!.AsObject();
            JsonObject ours = JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!.AsObject();
            foreach ((string key, JsonNode? value) in ours)
            {
                Assert.True(theirs.ContainsKey(key), key);
                if (key == "target_modules")
                {
                    Assert.Equal(theirs[key]!.AsArray().Select(n => (string?)n).Order(), value!.AsArray().Select(n => (string?)n).Order());
                }
                else
                {
                    Assert.True(JsonNode.DeepEquals(Normal(theirs[key]), Normal(value)), key);
                }
            }
        }

        // 0 and 0.0 are one number.
        static JsonNode? Normal(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? JsonValue.Create(value.GetValue<JsonElement>().GetDouble()) : node;
    }

    [Theory]
    [InlineData("all-linear", null)]
    [InlineData(".*\\.(q|down)_proj", null)]
    [InlineData(null, 1)]
    public void Save_PatternsAndSpellings_AreReadBack(string? pattern, int? layer)
    {
        using var folder = new TemporaryFolder();
        LoraConfig lora = Lora with
        {
            Targets = pattern is null ? LoraTargets.Named(["mlp.up_proj", "q_proj"], [layer!.Value]) : LoraTargets.Matching(pattern),
            RankPattern = new ModulePatterns<int>("rank_pattern", [KeyValuePair.Create("q_proj", 5), KeyValuePair.Create(@"layers\.1\..*", 2)]),
            AlphaPattern = new ModulePatterns<double>("alpha_pattern", [KeyValuePair.Create("1.self_attn.q_proj", 2.5), KeyValuePair.Create("down_proj", 7.0)]),
            RankStabilized = true,
        };
        TensorSet tensors = SmallModel.Adapter(SmallModel.Llama, lora);
        PeftAdapter.Save(folder.Path, lora, tensors, "base");
        foreach (ModelConfig? model in new[] { null, SmallModel.Llama })
        {
            PeftAdapter loaded = PeftAdapter.Load(folder.Path, model);
            Assert.Equal(lora, loaded.Config);
            Assert.Equal(tensors.Values, loaded.Tensors.Values);
            loaded.RequireLike(folder.Path, lora, 2);
        }

        Assert.Equal(PeftAdapter.ConfigBytes(lora, "base"), File.ReadAllBytes(folder.File("adapter_config.json")));
        JsonObject json = JsonNode.Parse(File.ReadAllText(folder.File("adapter_config.json")))!.AsObject();
        Assert.Equal("""{"1.self_attn.q_proj":2.5,"down_proj":7}""", json["alpha_pattern"]!.ToJsonString());
        Assert.True((bool)json["use_rslora"]!);
        Assert.Equal(pattern, json["target_modules"] is JsonValue text ? (string?)text : null);
        Assert.Equal(layer, (int?)json["layers_to_transform"]?[0]);
    }

    [Fact]
    public void RequireLike_OtherRank_NamesFolderAndDifference()
    {
        using TemporaryFolder folder = Saved("\"revision\":null");
        string message = Assert.Throws<InputFileException>(() => PeftAdapter.Load(folder.Path).RequireLike(folder.Path, Lora with { Rank = 16 }, 2)).Message;
        Assert.Contains(folder.Path, message, StringComparison.Ordinal);
        Assert.Contains("rank 3 where 16 is expected", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_LayoutOfAnotherConfig_IsRefusedAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        TensorSet tensors = SmallModel.Adapter(SmallModel.Llama, Lora);
        Assert.Throws<ArgumentException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Rank = 2 }, tensors, null));
        Assert.Throws<ArgumentException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Targets = LoraTargets.Named(["up_proj", "q_proj"]) }, tensors, null));
        Assert.Throws<LoraConfigException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Targets = LoraTargets.Named([]) }, tensors, null));
        Assert.Empty(folder.FileNames());
    }

    [Theory]
    [InlineData("[\"q_proj\",\"self_attn.v_proj\"]")]
    [InlineData("\".*\\\\.(q|v)_proj\"")]
    [InlineData("\"model\\\\.layers\\\\.\\\\d+\\\\.self_attn\\\\.[qv]_proj\"")]
    public void Load_TargetsAsListOrPattern_AreTheSame(string targets)
    {
        using TemporaryFolder folder = Saved("\"target_modules\":" + targets);
        Assert.Equal(Lora.Modules(2), PeftAdapter.Load(folder.Path).Config.Modules(2));
        Assert.Equal(Lora.Modules(2), PeftAdapter.Load(folder.Path, SmallModel.Llama).Config.Modules(2));
    }

    [Fact]
    public void Load_AllLinear_IsAllSeven()
    {
        using var folder = new TemporaryFolder();
        LoraConfig all = Lora with { Targets = LoraTargets.Matching(LoraTargets.AllLinear) };
        PeftAdapter.Save(folder.Path, all, SmallModel.Adapter(SmallModel.Llama, all), null);
        ModelDirectoryTests.EditJson(folder.File("adapter_config.json"), json => json["target_modules"] = "all-linear");
        Assert.Equal(14, PeftAdapter.Load(folder.Path).Config.Modules(2).Count);
    }

    [Theory]
    [InlineData("\"peft_type\":\"IA3\"", "key 'peft_type': is 'IA3'; only LORA is supported")]
    [InlineData("\"task_type\":\"SEQ_CLS\"", "key 'task_type'")]
    [InlineData("\"bias\":\"all\"", "key 'bias'")]
    [InlineData("\"use_dora\":true", "key 'use_dora': switches on a feature of PEFT that is not supported")]
    [InlineData("\"use_rslora\":1", "key 'use_rslora': is neither true nor false")]
    [InlineData("\"rank_pattern\":{\"q_proj\":4}", "has the shape [3, 8], but [4, 8] is expected")]
    [InlineData("\"rank_pattern\":{\"q_proj\":0}", "key 'rank_pattern.q_proj': is not a whole number from 1")]
    [InlineData("\"rank_pattern\":{\"query\":4}", "key 'rank_pattern': has the key 'query', which matches none of the model's linear layers. Correct")]
    [InlineData("\"rank_pattern\":[4]", "key 'rank_pattern': is not an object")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":\"4\"}", "key 'alpha_pattern.q_proj': is not a finite number")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":1e300}", "key 'alpha_pattern.q_proj': is out of range")]
    [InlineData("\"alpha_pattern\":{\"(?=q)q_proj\":4}", "key 'alpha_pattern': is a regular expression with look-around")]
    [InlineData("\"modules_to_save\":[\"lm_head\"]", "key 'modules_to_save'")]
    [InlineData("\"layers_to_transform\":[0]", "left over that the configuration does not ask for: 'base_model.model.model.layers.1.")]
    [InlineData("\"layers_to_transform\":0", "left over")]
    [InlineData("\"layers_to_transform\":[0,2]", "key 'layers_to_transform': names layer 2 of a decoder of 2 layers")]
    [InlineData("\"layers_to_transform\":0,\"layers_pattern\":\"h\"", "key 'layers_pattern'")]
    [InlineData("\"layers_to_transform\":0,\"target_modules\":\".*[qv]_proj\"", "key 'layers_to_transform': does not go with")]
    [InlineData("\"exclude_modules\":[\"q_proj\"]", "key 'exclude_modules'")]
    [InlineData("\"fan_in_fan_out\":true", "key 'fan_in_fan_out'")]
    [InlineData("\"something_new\":\"on\"", "key 'something_new'")]
    [InlineData("\"init_lora_weights\":\"pissa\"", "key 'init_lora_weights'")]
    [InlineData("\"r\":0", "key 'r': is not a whole number from 1")]
    [InlineData("\"r\":null", "key 'r': is missing")]
    [InlineData("\"lora_alpha\":null", "key 'lora_alpha': is missing")]
    [InlineData("\"lora_dropout\":1", "key 'lora_dropout': is not in [0, 1)")]
    [InlineData("\"target_modules\":null", "key 'target_modules': is not a list of names")]
    [InlineData("\"target_modules\":[]", "key 'target_modules': names no module")]
    [InlineData("\"target_modules\":[\"lm_head\"]", "names 'lm_head', which is not one of the linear layers that can be adapted. Target some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")]
    [InlineData("\"target_modules\":[\"q_proj\",\"embed_tokens\"]", "names 'model.embed_tokens', which is not one")]
    [InlineData("\"target_modules\":[\"q_proj\",\"query_key_value\"]", "names 'query_key_value', which the model does not have")]
    [InlineData("\"target_modules\":\".*\"", "matches 'model', which is not one")]
    [InlineData("\"target_modules\":\"(\"", "is not a regular expression")]
    [InlineData("\"target_modules\":\"q_proj\"", "matches none")]
    [InlineData("\"target_modules\":\".*1.*q_proj\"", "left over")]
    [InlineData("\"target_modules\":\"(.*?.*?.*?.*?.*?.*?.*?.*?.*?)*x\"", "matches none")]
    [InlineData("\"r\":4", "has the shape [3, 8], but [4, 8] is expected")]
    [InlineData("\"target_modules\":[\"q_proj\"]", "left over")]
    [InlineData("\"target_modules\":[\"q_proj\",\"v_proj\",\"up_proj\"]", "tensors are missing: 'base_model.model.model.layers.0.mlp.up_proj.lora_A.weight'")]
    public void Load_UnsupportedOrDefective_NamesIt(string keys, string part)
    {
        using TemporaryFolder folder = Saved(keys);
        InputFileException e = Assert.Throws<InputFileException>(() => PeftAdapter.Load(folder.Path));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Load_OnAnotherModel_NamesTheMismatch()
    {
        using TemporaryFolder folder = Saved("\"revision\":null");
        string Message(ModelConfig model) => Assert.Throws<InputFileException>(() => PeftAdapter.Load(folder.Path, model)).Message;
        Assert.Contains("tensors are missing: 'base_model.model.model.layers.2.", Message(SmallModel.Llama with { Layers = 3 }), StringComparison.Ordinal);
        Assert.Contains("left over", Message(SmallModel.Llama with { Layers = 1 }), StringComparison.Ordinal);
        Assert.Contains("has the shape [3, 8], but [3, 16] is expected", Message(SmallModel.Llama with { HiddenSize = 16 }), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LayerMissing_IsNamed()
    {
        using TemporaryFolder folder = Saved("\"revision\":null");
        TensorSet whole = SmallModel.Adapter(SmallModel.Llama, Lora);
        AtomicFile.Write(folder.File("adapter_model.safetensors"), stream => SafetensorsWriter.Write(stream, SafetensorsWriter.Named(whole).Where(t => t.Name.Contains("layers.1.", StringComparison.Ordinal)), TensorType.F32));
        Assert.Contains("tensors are missing: 'base_model.model.model.layers.0.", Assert.Throws<InputFileException>(() => PeftAdapter.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FolderWithoutAnAdapter_SaysWhatIsMissing()
    {
        using TemporaryFolder folder = Saved("\"revision\":null");
        string Message(string path) => Assert.Throws<InputFileException>(() => PeftAdapter.Load(path)).Message;
        Assert.Contains("the adapter folder does not exist", Message(folder.File("none")), StringComparison.Ordinal);
        Assert.Contains("is a file", Message(folder.File("adapter_config.json")), StringComparison.Ordinal);
        File.Delete(folder.File("adapter_model.safetensors"));
        Assert.Contains("has no adapter_model.safetensors", Message(folder.Path), StringComparison.Ordinal);
        folder.Write("adapter_model.bin", "pickle");
        Assert.Contains("is a Python pickle", Message(folder.Path), StringComparison.Ordinal);
        File.Delete(folder.File("adapter_config.json"));
        Assert.Contains("has no adapter_config.json", Message(folder.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_BFloat16Adapter_IsWidened()
    {
        using TemporaryFolder folder = Saved("\"revision\":null");
        TensorSet tensors = SmallModel.Adapter(SmallModel.Llama, Lora);
        SafetensorsWriter.WriteFile(folder.File("adapter_model.safetensors"), tensors, TensorType.BF16);
        Assert.All(tensors.Values.Zip(PeftAdapter.Load(folder.Path).Tensors.Values), pair => Assert.Equal(pair.First, pair.Second, Math.Abs(pair.First) / 256));
    }

    [Fact]
    public void LoraLayout_NoTarget_IsRefused() =>
        Assert.Throws<LoraConfigException>(() => LoraLayout.For(SmallModel.Llama, Lora with { Targets = LoraTargets.Named([]) }));

    /// <summary>A saved adapter with keys of its configuration set or replaced.</summary>
    private static TemporaryFolder Saved(string keys)
    {
        var folder = new TemporaryFolder();
        PeftAdapter.Save(folder.Path, Lora, SmallModel.Adapter(SmallModel.Llama, Lora), "base");
        ModelDirectoryTests.EditJson(folder.File("adapter_config.json"), json =>
        {
            foreach ((string key, JsonNode? value) in JsonNode.Parse("{" + keys + "}")!.AsObject())
            {
                json[key] = value?.DeepClone();
            }
        });
        return folder;
    }
}
