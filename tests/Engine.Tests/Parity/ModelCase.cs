using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>One folder of reference numbers made with Hugging Face transformers and PEFT.</summary>
public sealed class ModelCase : IDisposable
{
    private readonly string _folder;
    private readonly SafetensorsFile _tensors;
    private readonly JsonDocument _json;

    private ModelCase(string folder)
    {
        _folder = folder;
        _tensors = SafetensorsFile.Open(Path.Combine(folder, "fixtures.safetensors"));
        _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "fixtures.json")));
        Weights = ModelDirectory.Load(Path.Combine(folder, "model"));
    }

    public DecoderWeights Weights { get; }

    public JsonElement Json => _json.RootElement;

    /// <summary>The cases under the fixtures root; one named "absent", which skips, where there is none.</summary>
    public static IReadOnlyList<string> CaseNames() => SharedData.FixturesRoot is null ? ["absent"] : [.. SharedData.ModelCases().Select(Path.GetFileName)!];

    public static TheoryData<string> Names()
    {
        var data = new TheoryData<string>();
        foreach (string name in CaseNames())
        {
            data.Add(name);
        }

        return data;
    }

    public static ModelCase Open(string name)
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent (FEDLLM_FIXTURES).");
        return new ModelCase(Path.Combine(SharedData.FixturesRoot!, name));
    }

    public bool Has(string name) => _tensors.Contains(name);

    public float[] Floats(string name) => _tensors.ReadFloat32(name);

    public long[] Integers(string name) => _tensors.ReadInt64(name);

    public LoraAdapter Adapter(string targets, string start)
    {
        PeftAdapter loaded = PeftAdapter.Load(Path.Combine(_folder, $"adapter_{targets}_{start}"), Weights.Config);
        return new LoraAdapter(Weights.Config, loaded.Config, loaded.Tensors);
    }

    public TensorSet Set(string prefix, TensorLayout layout)
    {
        var set = new TensorSet(layout);
        foreach (TensorSlot slot in layout.Slots)
        {
            Floats(prefix + slot.Name).CopyTo(set[slot]);
        }

        return set;
    }

    /// <summary>The unpadded sequences of a batch; a label other than -100 marks a scored token.</summary>
    public TokenSequence[] Batch(string prefix) => FixtureBatch.Read(_tensors, prefix);

    /// <summary>The pairs of a batch.</summary>
    public PreferencePair[] Pairs(string prefix) => FixtureBatch.ReadPairs(_tensors, prefix);

    public long[] Mask(string prefix) => Integers(prefix + "attention_mask");

    public void Dispose()
    {
        _tensors.Dispose();
        _json.Dispose();
    }
}
