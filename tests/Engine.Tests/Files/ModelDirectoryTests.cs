using System.Text.Json.Nodes;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Files;

public sealed class ModelDirectoryTests
{
    public static TheoryData<string> Architectures => ["Llama", "Qwen2", "LlamaWithBiases"];

    private static ModelConfig Config(string name) => name switch
    {
        "Llama" => SmallModel.Llama,
        "Qwen2" => SmallModel.Qwen2,
        _ => SmallModel.LlamaWithBiases,
    };

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Save_ThenLoad_GivesTheSameModel(string name)
    {
        using var folder = new TemporaryFolder();
        DecoderWeights saved = SmallModel.Make(Config(name));
        ModelDirectory.Save(folder.File("m"), saved);
        DecoderWeights loaded = ModelDirectory.Load(folder.File("m"));
        AssertSameConfig(saved.Config, loaded.Config);
        Assert.Equal(SmallModel.Flatten(saved), SmallModel.Flatten(loaded));
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Directory.GetFiles(folder.File("m")).Select(Path.GetFileName).Order());
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Save_BFloat16_LoadsTheRoundedModel(string name)
    {
        using var folder = new TemporaryFolder();
        DecoderWeights saved = SmallModel.Make(Config(name));
        ModelDirectory.Save(folder.Path, saved, TensorType.BF16);
        Assert.Contains("\"torch_dtype\": \"bfloat16\"", File.ReadAllText(folder.File("config.json")), StringComparison.Ordinal);
        foreach ((string tensor, float[] values) in SmallModel.Flatten(ModelDirectory.Load(folder.Path)))
        {
            ushort[] narrow = new ushort[values.Length];
            BFloat16.Narrow(SmallModel.Flatten(saved)[tensor], narrow);
            Assert.Equal(narrow.Select(n => (uint)n << 16), values.Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Fact]
    public void Save_WeightsOfAnotherConfig_AreRefusedAndLeaveNothing()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights good = SmallModel.Make(SmallModel.Llama);
        var other = new DecoderWeights { Config = SmallModel.Llama with { Layers = 1 }, Embedding = good.Embedding, Head = good.Head, FinalNorm = good.FinalNorm, Layers = good.Layers };
        Assert.Throws<ArgumentException>(() => ModelDirectory.Save(folder.File("m"), other));
        Assert.Throws<ArgumentException>(() => ModelDirectory.Save(folder.File("m"), SmallModel.Make(SmallModel.Llama with { MlpBias = true, QkvBias = true })));
        Assert.Empty(folder.FileNames());
    }

    [SkippableFact]
    public void SaveThenLoad_EveryFixtureModel_GivesTheSameTensorFile()
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        using var folder = new TemporaryFolder();
        foreach (string model in SharedData.ModelCases())
        {
            DecoderWeights weights = ModelDirectory.Load(Path.Combine(model, "model"));
            ModelDirectory.Save(folder.Path, weights);
            AssertSameConfig(weights.Config, ModelDirectory.LoadConfig(folder.Path));
            Assert.Equal(RawSafetensors.Read(Path.Combine(model, "model", "model.safetensors")).Float32, RawSafetensors.Read(folder.File("model.safetensors")).Float32);
        }
    }

    [Fact]
    public void Load_Sharded_EqualsTheSingleFile()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights whole = Shard(folder);
        Assert.Equal(SmallModel.Flatten(whole), SmallModel.Flatten(ModelDirectory.Load(folder.Path)));
    }

    [Theory]
    [InlineData("../b.safetensors")]
    [InlineData("/etc/b.safetensors")]
    [InlineData("sub/b.safetensors")]
    [InlineData("..\\b.safetensors")]
    [InlineData("b.bin")]
    [InlineData("")]
    public void Load_IndexReachesOutside_IsRefused(string file)
    {
        using var folder = new TemporaryFolder();
        Shard(folder);
        EditJson(folder.File("model.safetensors.index.json"), json => json["weight_map"]!["model.norm.weight"] = file);
        AssertRefused(folder.Path, "weight_map.model.norm.weight", "does not name a .safetensors file in the same folder");
    }

    [Fact]
    public void Load_IndexAndShardsDisagree_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Shard(folder);
        string index = folder.File("model.safetensors.index.json");
        string original = File.ReadAllText(index);

        EditJson(index, json => json["weight_map"]!.AsObject().Remove("model.norm.weight"));
        AssertRefused(folder.Path, "it does not list 'model.norm.weight'");
        File.WriteAllText(index, original);
        EditJson(index, json => json["weight_map"]!["ghost"] = "part-1.safetensors");
        AssertRefused(folder.Path, "do not hold 'ghost'");
        File.WriteAllText(index, original);
        EditJson(index, json => json["weight_map"]!["model.norm.weight"] = "part-9.safetensors");
        AssertRefused(folder.Path, "part-9.safetensors: does not exist");
        File.WriteAllText(index, """{"metadata":{}}""");
        AssertRefused(folder.Path, "key 'weight_map': is missing");
        File.WriteAllText(index, original);
        File.Copy(folder.File("part-1.safetensors"), folder.File("part-2.safetensors"), overwrite: true);
        AssertRefused(folder.Path, "is also in part-1.safetensors");
    }

    [Fact]
    public void Load_MissingExtraAndMisshapenTensors_AreNamed()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        ModelDirectory.Save(folder.Path, model);
        NamedTensor[] all = [.. DecoderTensors.Of(model)];

        Rewrite(folder, all.Where(t => !t.Name.Contains("layers.1.mlp", StringComparison.Ordinal)));
        AssertRefused(folder.Path, "tensors are missing: 'model.layers.1.mlp.gate_proj.weight', 'model.layers.1.mlp.up_proj.weight', 'model.layers.1.mlp.down_proj.weight'.");
        Rewrite(folder, all.Append(new NamedTensor("model.layers.2.extra", [1], new float[1])));
        AssertRefused(folder.Path, "left over", "'model.layers.2.extra'");
        Rewrite(folder, all.Select(t => t.Name == "model.norm.weight" ? t with { Shape = [4, 2] } : t));
        AssertRefused(folder.Path, "model.safetensors, tensor 'model.norm.weight': has the shape [4, 2], but config.json asks for [8]");
        Rewrite(folder, []);
        AssertRefused(folder.Path, "tensors are missing:", "and 12 more");
    }

    [Fact]
    public void Load_IntegerWeights_AreRefused()
    {
        using var folder = new TemporaryFolder();
        ModelDirectory.Save(folder.Path, SmallModel.Make(SmallModel.Llama));
        byte[] bytes = File.ReadAllBytes(folder.File("model.safetensors"));
        int at = bytes.AsSpan().IndexOf("\"F32\""u8);
        "\"I32\""u8.CopyTo(bytes.AsSpan(at));
        folder.Write("model.safetensors", bytes);
        AssertRefused(folder.Path, "has the type I32; weights are F32, F16 or BF16");
    }

    [Fact]
    public void Load_HarmlessExtras_AreTolerated()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        ModelDirectory.Save(folder.Path, model);
        NamedTensor frequencies = new("model.layers.0.self_attn.rotary_emb.inv_freq", [2], new float[2]);
        NamedTensor head = new("lm_head.weight", [10, 8], model.Embedding.Single);
        Rewrite(folder, DecoderTensors.Of(model).Append(frequencies).Append(head));
        Assert.Equal(SmallModel.Flatten(model), SmallModel.Flatten(ModelDirectory.Load(folder.Path)));

        float[] other = [.. model.Embedding.Single];
        other[^1] += 1;
        Rewrite(folder, DecoderTensors.Of(model).Append(head with { Values = other }));
        AssertRefused(folder.Path, "tensor 'lm_head.weight': differs from the embedding");
    }

    [Fact]
    public void Load_UntiedModelWithoutHead_SaysHowToTie()
    {
        using var folder = new TemporaryFolder();
        ModelDirectory.Save(folder.Path, SmallModel.Make(SmallModel.Llama));
        EditJson(folder.File("config.json"), json => json.Remove("tie_word_embeddings"));
        AssertRefused(folder.Path, "tensors are missing: 'lm_head.weight'", "set tie_word_embeddings to true");
    }

    [Fact]
    public void Load_AbsentFolder_SaysHowToDownload()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => ModelDirectory.Load("Qwen/Qwen2-0.5B"));
        Assert.Equal(
            "Qwen/Qwen2-0.5B: the model folder does not exist. Check the path, or download a model into it: hf download Qwen/Qwen2-0.5B --local-dir Qwen/Qwen2-0.5B (with an older huggingface_hub: huggingface-cli download Qwen/Qwen2-0.5B --local-dir Qwen/Qwen2-0.5B).",
            e.Message);
        Assert.Contains("hf download Qwen/Qwen2.5-0.5B-Instruct --local-dir '/no such/mo'\\''del' ", Assert.Throws<InputFileException>(() => ModelDirectory.ContentHash("/no such/mo'del")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FolderWithoutAUsableModel_SaysWhatIsMissing()
    {
        using var folder = new TemporaryFolder();
        AssertRefused(folder.Path, "has no config.json");
        AssertRefused(folder.Write("file", "x"), "is a file; a model is a folder");
        ModelDirectory.Save(folder.Path, SmallModel.Make(SmallModel.Llama));
        File.Delete(folder.File("model.safetensors"));
        AssertRefused(folder.Path, "neither model.safetensors nor model.safetensors.index.json");
        folder.Write("pytorch_model.bin", "pickle");
        AssertRefused(folder.Path, "Python pickles (pytorch_model.bin)", "Convert them to safetensors");
    }

    [Fact]
    public void LoadConfig_GenerationConfig_HasTheLastWordOnEndOfSequence()
    {
        using var folder = new TemporaryFolder();
        ModelDirectory.Save(folder.Path, SmallModel.Make(SmallModel.Llama));
        folder.Write("generation_config.json", """{"eos_token_id":[5,6]}""");
        Assert.Equal([5, 6], ModelDirectory.LoadConfig(folder.Path).EndOfSequenceIds);
        folder.Write("generation_config.json", """{"do_sample":true}""");
        Assert.Equal([2], ModelDirectory.LoadConfig(folder.Path).EndOfSequenceIds);
        folder.Write("generation_config.json", """{"eos_token_id":"x"}""");
        AssertRefused(folder.Path, "generation_config.json, key 'eos_token_id'");
    }

    [Fact]
    public void ContentHash_AnyByteOfConfigOrWeights_ChangesIt()
    {
        using var folder = new TemporaryFolder();
        Shard(folder);
        var seen = new HashSet<string> { ModelDirectory.ContentHash(folder.Path) };
        foreach (string name in new[] { "config.json", "generation_config.json", "part-1.safetensors", "part-2.safetensors" })
        {
            byte[] bytes = File.ReadAllBytes(folder.File(name));
            bytes[^1] ^= 1;
            folder.Write(name, bytes);
            Assert.True(seen.Add(ModelDirectory.ContentHash(folder.Path)), name);
        }

        folder.Write("README.md", "not part of it");
        Assert.False(seen.Add(ModelDirectory.ContentHash(folder.Path)));
    }

    /// <summary>Writes a model as two weight files and an index; the single file is removed.</summary>
    internal static DecoderWeights Shard(TemporaryFolder folder)
    {
        DecoderWeights model = SmallModel.Make(SmallModel.Qwen2);
        ModelDirectory.Save(folder.Path, model);
        File.Delete(folder.File("model.safetensors"));
        NamedTensor[] all = [.. DecoderTensors.Of(model)];
        var map = new JsonObject();
        foreach (bool first in new[] { true, false })
        {
            string name = first ? "part-1.safetensors" : "part-2.safetensors";
            NamedTensor[] part = [.. all.Where((_, i) => i < 9 == first)];
            using FileStream stream = File.Create(folder.File(name));
            SafetensorsWriter.Write(stream, part, TensorType.F32);
            foreach (NamedTensor tensor in part)
            {
                map[tensor.Name] = name;
            }
        }

        folder.Write("model.safetensors.index.json", new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = 1 }, ["weight_map"] = map }.ToJsonString());
        return model;
    }

    internal static void EditJson(string path, Action<JsonObject> edit)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    internal static void AssertSameConfig(ModelConfig expected, ModelConfig actual)
    {
        Assert.Equal(expected.EndOfSequenceIds, actual.EndOfSequenceIds);
        Assert.Equal(expected, actual with { EndOfSequenceIds = expected.EndOfSequenceIds });
    }

    private static void Rewrite(TemporaryFolder folder, IEnumerable<NamedTensor> tensors) =>
        AtomicFile.Write(folder.File("model.safetensors"), stream => SafetensorsWriter.Write(stream, tensors, TensorType.F32));

    private static void AssertRefused(string path, params string[] parts)
    {
        InputFileException e = Assert.Throws<InputFileException>(() => ModelDirectory.Load(path));
        Assert.All(parts, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', e.Message);
    }
}
