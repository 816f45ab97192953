using System.Text.Json.Nodes;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Files;

public sealed class AdapterMergeTests
{
    private static readonly LoraConfig Lora = new(3, 6, 0.05, LoraTargets.Matching(LoraTargets.AllLinear))
    {
        RankPattern = new ModulePatterns<int>("rank_pattern", [KeyValuePair.Create("1.mlp.down_proj", 2)]),
        RankStabilized = true,
    };

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.BF16)]
    [InlineData(TensorType.F16)]
    public void Write_EachType_IsTheNearestToWPlusScaledBA(TensorType type)
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Qwen2);
        SaveAs(folder.File("base"), model, _ => type);
        TensorSet adapter = SaveAdapter(folder, Lora, model.Config);
        MergedModel result = AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("out"));
        Assert.Equal((14, 27 - 14), (result.Merged, result.Copied));

        using var before = SafetensorsFile.Open(Path.Combine(folder.File("base"), "model.safetensors"));
        using var after = SafetensorsFile.Open(Path.Combine(folder.File("out"), "model.safetensors"));
        Dictionary<string, LoraModule> modules = Lora.Modules(2).ToDictionary(m => TensorNames.Weight(m.Layer, m.Kind));
        Assert.Equal(before.Names.Order(), after.Names.Order());
        foreach (SafetensorsEntry entry in after.Entries)
        {
            Assert.Equal(type, entry.Type);
            float[] w = before.ReadFloat32(entry.Name);
            float[] merged = after.ReadFloat32(entry.Name);
            if (!modules.TryGetValue(entry.Name, out LoraModule module))
            {
                Assert.Equal(w, merged);
                continue;
            }

            // The exact sum in float64; the file's value must be the nearest of its type but for float32's rounding of the sum itself.
            Span<float> a = adapter[TensorNames.LoraA(module.Layer, module.Kind)];
            Span<float> b = adapter[TensorNames.LoraB(module.Layer, module.Kind)];
            int inSize = (int)entry.Shape[1];
            double halfStep = type switch { TensorType.F32 => 1.0 / (1 << 24), TensorType.F16 => 1.0 / (1 << 11), _ => 1.0 / (1 << 8) };
            double scaling = 6 / Math.Sqrt(module.Rank);
            for (int i = 0; i < merged.Length; i++)
            {
                double exact = w[i];
                for (int r = 0; r < module.Rank; r++)
                {
                    exact += scaling * b[(i / inSize * module.Rank) + r] * a[(r * inSize) + (i % inSize)];
                }

                Assert.Equal(exact, merged[i], (Math.Abs(exact) * halfStep) + 1e-6);
            }
        }
    }

    [Fact]
    public void Write_MixedTypes_KeepEachTensorsOwnAndCopyTheRestBitForBit()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        TensorType Type(string name) => name.Contains("norm", StringComparison.Ordinal) ? TensorType.F32 : name.Contains("mlp", StringComparison.Ordinal) ? TensorType.BF16 : TensorType.F16;
        SaveAs(folder.File("base"), model, Type);
        LoraConfig lora = Lora with { Targets = LoraTargets.Named(["1.self_attn.v_proj"]), RankPattern = ModulePatterns<int>.None };
        SaveAdapter(folder, lora, model.Config);
        AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("out"));
        using var before = SafetensorsFile.Open(Path.Combine(folder.File("base"), "model.safetensors"));
        using var after = SafetensorsFile.Open(Path.Combine(folder.File("out"), "model.safetensors"));
        Assert.Equal("pt", after.Metadata["format"]);
        foreach (SafetensorsEntry entry in after.Entries)
        {
            Assert.Equal(Type(entry.Name), entry.Type);
            Assert.Equal(0, entry.Offset % entry.Type.ByteSize());
            byte[] ours = new byte[entry.ByteCount];
            byte[] theirs = new byte[entry.ByteCount];
            after.ReadRaw(entry.Name, ours);
            before.ReadRaw(entry.Name, theirs);
            Assert.Equal(entry.Name == "model.layers.1.self_attn.v_proj.weight", !ours.SequenceEqual(theirs));
        }

        ModelDirectory.Load(folder.File("out"));
    }

    [Fact]
    public void Write_ZeroB_IsTheBaseBitForBit()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        ModelDirectory.Save(folder.File("base"), model);
        PeftAdapter.Save(folder.File("adapter"), Lora, LoraAdapter.Initialize(model.Config, Lora, 3).Parameters, null);
        AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("out"));
        foreach (string name in new[] { "model.safetensors", "config.json", "generation_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.File("base"), name)), File.ReadAllBytes(Path.Combine(folder.File("out"), name)));
        }
    }

    [Fact]
    public void Write_ShardsInAndOut_GiveTheSameModelAsOneFile()
    {
        using var folder = new TemporaryFolder();
        using var sharded = new TemporaryFolder();
        DecoderWeights model = ModelDirectoryTests.Shard(sharded);
        ModelDirectory.Save(folder.File("base"), model);
        sharded.Write("tokenizer.json", "{}");
        sharded.Write("notes.txt", "stay");
        SaveAdapter(folder, Lora, model.Config);
        AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("one"));
        const long Limit = 700;
        MergedModel result = AdapterMerge.Write(sharded.Path, folder.File("adapter"), folder.File("many"), Limit);

        Assert.Equal(SmallModel.Flatten(ModelDirectory.Load(folder.File("one"))), SmallModel.Flatten(ModelDirectory.Load(folder.File("many"))));
        string[] names = [.. Directory.EnumerateFiles(folder.File("many")).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
        Assert.Equal(result.WeightFiles.Concat(["config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer.json"]).Order(StringComparer.Ordinal), names);
        Assert.Equal($"model-00001-of-{result.WeightFiles.Count:D5}.safetensors", result.WeightFiles[0]);
        foreach (string file in result.WeightFiles)
        {
            using var shard = SafetensorsFile.Open(Path.Combine(folder.File("many"), file));
            Assert.True(shard.Entries.Count == 1 || shard.Entries.Sum(e => e.ByteCount) <= Limit, file);
        }

        JsonNode index = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.File("many"), "model.safetensors.index.json")))!;
        Assert.Equal(result.Bytes, (long)index["metadata"]!["total_size"]!);
    }

    [Fact]
    public void Write_BeyondTheTypesRange_IsRefusedAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        SaveAs(folder.File("base"), model, _ => TensorType.F16);
        SaveAdapter(folder, Lora with { Alpha = 1e9 }, model.Config);
        InputFileException e = Assert.Throws<InputFileException>(() => AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("out")));
        Assert.Contains("with the adapter it holds a value that F16 cannot hold", e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void Write_FolderInUseOrWrongParts_AreRefused()
    {
        using var folder = new TemporaryFolder();
        DecoderWeights model = SmallModel.Make(SmallModel.Llama);
        ModelDirectory.Save(folder.File("base"), model);
        SaveAdapter(folder, Lora, SmallModel.Qwen2 with { HiddenSize = 16 });
        string Message(string destination) =>
            Assert.Throws<InputFileException>(() => AdapterMerge.Write(folder.File("base"), folder.File("adapter"), destination)).Message;
        Assert.Contains("the folder is not empty", Message(folder.File("base")), StringComparison.Ordinal);
        Assert.Contains("is a file", Message(Path.Combine(folder.File("base"), "config.json")), StringComparison.Ordinal);
        Assert.Contains("has the shape [3, 16], but [3, 8] is expected", Message(folder.File("out")), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
        Directory.CreateDirectory(folder.File("empty"));
        SaveAdapter(folder, Lora, model.Config);
        Assert.Equal(14, AdapterMerge.Write(folder.File("base"), folder.File("adapter"), folder.File("empty")).Merged);
    }

    private static TensorSet SaveAdapter(TemporaryFolder folder, LoraConfig lora, ModelConfig model)
    {
        TensorSet tensors = SmallModel.Adapter(model, lora);
        PeftAdapter.Save(folder.File("adapter"), lora, tensors, null);
        return tensors;
    }

    /// <summary>Saves a model whose tensors have a type each.</summary>
    private static void SaveAs(string path, DecoderWeights model, Func<string, TensorType> typeOf)
    {
        ModelDirectory.Save(path, model);
        NamedTensor[] tensors = [.. DecoderTensors.Of(model)];
        AtomicFile.Write(Path.Combine(path, "model.safetensors"), stream =>
        {
            SafetensorsWriter.WriteHeader(stream, tensors.Select(t => (t.Name, typeOf(t.Name), (IReadOnlyList<long>)[.. t.Shape.Select(d => (long)d)])));
            foreach (NamedTensor tensor in tensors)
            {
                byte[] bytes = new byte[tensor.Values.Length * typeOf(tensor.Name).ByteSize()];
                FloatConversion.FromFloat32(typeOf(tensor.Name), tensor.Values.Span, bytes);
                stream.Write(bytes);
            }
        });
    }
}
