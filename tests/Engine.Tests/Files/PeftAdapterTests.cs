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
            Assert.True(loaded.Config.Targets.SetEquals(Lora.Targets));
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

    [Fact]
    public void Save_LayoutOfAnotherConfig_IsRefusedAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        TensorSet tensors = SmallModel.Adapter(SmallModel.Llama, Lora);
        Assert.Throws<ArgumentException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Rank = 2 }, tensors, null));
        Assert.Throws<ArgumentException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Targets = new HashSet<LinearKind> { LinearKind.Up, LinearKind.Query } }, tensors, null));
        Assert.Throws<ArgumentException>(() => PeftAdapter.Save(folder.File("a"), Lora with { Targets = new HashSet<LinearKind>() }, tensors, null));
        Assert.Empty(folder.FileNames());
    }

    [Theory]
    [InlineData("[\"q_proj\",\"self_attn.v_proj\"]")]
    [InlineData("\".*\\\\.(q|v)_proj\"")]
    [InlineData("\"model\\\\.layers\\\\.\\\\d+\\\\.self_attn\\\\.[qv]_proj\"")]
    public void Load_TargetsAsListOrPattern_AreTheSame(string targets)
    {
        using TemporaryFolder folder = Saved("\"target_modules\":" + targets);
        Assert.True(PeftAdapter.Load(folder.Path).Config.Targets.SetEquals(Lora.Targets));
        Assert.True(PeftAdapter.Load(folder.Path, SmallModel.Llama).Config.Targets.SetEquals(Lora.Targets));
    }

    [Fact]
    public void Load_AllLinear_IsAllSeven()
    {
        using var folder = new TemporaryFolder();
        LoraConfig all = Lora with { Targets = TensorNames.Kinds.ToHashSet() };
        PeftAdapter.Save(folder.Path, all, SmallModel.Adapter(SmallModel.Llama, all), null);
        ModelDirectoryTests.EditJson(folder.File("adapter_config.json"), json => json["target_modules"] = "all-linear");
        Assert.Equal(7, PeftAdapter.Load(folder.Path).Config.Targets.Count);
    }

    [Theory]
    [InlineData("\"peft_type\":\"IA3\"", "key 'peft_type': is 'IA3'; only LORA is supported")]
    [InlineData("\"task_type\":\"SEQ_CLS\"", "key 'task_type'")]
    [InlineData("\"bias\":\"all\"", "key 'bias'")]
    [InlineData("\"use_dora\":true", "key 'use_dora': switches on a feature of PEFT that is not supported")]
    [InlineData("\"use_rslora\":true", "key 'use_rslora'")]
    [InlineData("\"rank_pattern\":{\"q_proj\":4}", "key 'rank_pattern'")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":4}", "key 'alpha_pattern'")]
    [InlineData("\"modules_to_save\":[\"lm_head\"]", "key 'modules_to_save'")]
    [InlineData("\"layers_to_transform\":[0]", "key 'layers_to_transform'")]
    [InlineData("\"layers_to_transform\":0", "key 'layers_to_transform'")]
    [InlineData("\"fan_in_fan_out\":true", "key 'fan_in_fan_out'")]
    [InlineData("\"something_new\":\"on\"", "key 'something_new'")]
    [InlineData("\"init_lora_weights\":\"pissa\"", "key 'init_lora_weights'")]
    [InlineData("\"r\":0", "key 'r': is not a whole number from 1")]
    [InlineData("\"r\":null", "key 'r': is missing")]
    [InlineData("\"lora_alpha\":null", "key 'lora_alpha': is missing")]
    [InlineData("\"lora_dropout\":1", "key 'lora_dropout': is not in [0, 1)")]
    [InlineData("\"target_modules\":null", "key 'target_modules': is not a list of names")]
    [InlineData("\"target_modules\":[]", "key 'target_modules': names no module")]
    [InlineData("\"target_modules\":[\"lm_head\"]", "names 'lm_head'; q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj are supported")]
    [InlineData("\"target_modules\":\"(\"", "is not a regular expression")]
    [InlineData("\"target_modules\":\"q_proj\"", "matches none")]
    [InlineData("\"target_modules\":\".*1.*q_proj\"", "matches q_proj in 1 of 2 layers")]
    [InlineData("\"target_modules\":\"(.*?.*?.*?.*?.*?.*?.*?.*?.*?)*x\"", "takes longer than a second")]
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
        Assert.Throws<ArgumentException>(() => LoraLayout.For(SmallModel.Llama, Lora with { Targets = new HashSet<LinearKind>() }));

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
