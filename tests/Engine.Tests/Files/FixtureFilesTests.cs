using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Files;

/// <summary>Every model and adapter of the reference fixtures, read with our code and held against an independent reading of the same bytes.</summary>
public sealed class FixtureFilesTests
{
    [SkippableFact]
    public void Load_EveryFixtureModel_HasTheFilesValues()
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        Assert.NotEmpty(SharedData.ModelCases());
        foreach (string folder in SharedData.ModelCases())
        {
            AssertModel(Path.Combine(folder, "model"));
        }
    }

    [SkippableFact]
    public void Load_Stories260K_HasTheFilesValues() => AssertModel(SharedData.Require("models", "stories260K"));

    [SkippableFact]
    public void Load_EveryFixtureAdapter_HasTheFilesValues()
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        foreach (string folder in AdapterFolders())
        {
            ModelConfig model = ModelDirectory.LoadConfig(Path.Combine(Path.GetDirectoryName(folder)!, "model"));
            PeftAdapter adapter = PeftAdapter.Load(folder, model);
            using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "adapter_config.json")));
            Assert.Equal(config.RootElement.GetProperty("r").GetInt32(), adapter.Config.Rank);
            Assert.Equal(config.RootElement.GetProperty("lora_alpha").GetDouble(), adapter.Config.Alpha);
            Assert.Equal(config.RootElement.GetProperty("target_modules").GetArrayLength() * model.Layers, adapter.Config.Modules(model.Layers).Count);
            Assert.Equal(LoraLayout.For(model, adapter.Config), adapter.Tensors.Layout);

            RawSafetensors raw = RawSafetensors.Read(Path.Combine(folder, "adapter_model.safetensors"));
            Assert.Equal(raw.Float32.Keys.Order(StringComparer.Ordinal), adapter.Tensors.Layout.Slots.Select(s => s.Name));
            foreach (TensorSlot slot in adapter.Tensors.Layout.Slots)
            {
                Assert.Equal(raw.Float32[slot.Name], adapter.Tensors[slot].ToArray());
            }

            Assert.Equal(adapter.Tensors.Values, PeftAdapter.Load(folder).Tensors.Values);
        }
    }

    [SkippableFact]
    public void Open_FixtureTensors_ReadsFloatsAndIntegers()
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        foreach (string folder in SharedData.ModelCases())
        {
            using var file = SafetensorsFile.Open(Path.Combine(folder, "fixtures.safetensors"));
            RawSafetensors raw = RawSafetensors.Read(file.Path);
            Assert.Equal(raw.Float32.Count + raw.Int64.Count, file.Entries.Count);
            foreach ((string name, float[] values) in raw.Float32)
            {
                Assert.Equal(values, file.ReadFloat32(name));
            }

            foreach ((string name, long[] values) in raw.Int64)
            {
                Assert.Equal(values, file.ReadInt64(name));
            }
        }
    }

    private static IEnumerable<string> AdapterFolders() => SharedData.ModelCases()
        .SelectMany(folder => Directory.EnumerateDirectories(folder))
        .Where(folder => File.Exists(Path.Combine(folder, "adapter_config.json")));

    private static void AssertModel(string folder)
    {
        DecoderWeights weights = ModelDirectory.Load(folder);
        RawSafetensors raw = RawSafetensors.Read(Path.Combine(folder, "model.safetensors"));
        var seen = new HashSet<string>();
        void Same(string name, float[] values)
        {
            Assert.Equal(raw.Float32[name], values);
            seen.Add(name);
        }

        Same("model.embed_tokens.weight", weights.Embedding.Single);
        Same("model.norm.weight", weights.FinalNorm);
        if (weights.Config.TiedEmbeddings)
        {
            Assert.Same(weights.Embedding, weights.Head);
        }
        else
        {
            Same("lm_head.weight", weights.Head.Single);
        }

        for (int i = 0; i < weights.Config.Layers; i++)
        {
            LayerWeights layer = weights.Layers[i];
            Same($"model.layers.{i}.input_layernorm.weight", layer.InputNorm);
            Same($"model.layers.{i}.post_attention_layernorm.weight", layer.PostAttentionNorm);
            foreach ((LinearKind kind, string path) in new[]
            {
                (LinearKind.Query, "self_attn.q_proj"), (LinearKind.Key, "self_attn.k_proj"), (LinearKind.Value, "self_attn.v_proj"),
                (LinearKind.Output, "self_attn.o_proj"), (LinearKind.Gate, "mlp.gate_proj"), (LinearKind.Up, "mlp.up_proj"), (LinearKind.Down, "mlp.down_proj"),
            })
            {
                Same($"model.layers.{i}.{path}.weight", layer[kind].Weight.Single);
                Assert.Equal(layer[kind].Weight.Length, layer[kind].OutSize * layer[kind].InSize);
                if (layer[kind].Bias is float[] bias)
                {
                    Same($"model.layers.{i}.{path}.bias", bias);
                }
            }
        }

        Assert.Equal(raw.Float32.Keys.ToHashSet(), seen);
    }
}
