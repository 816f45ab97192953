using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>A LoRA adapter as PEFT keeps it in a folder: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
/// <param name="Config">Ranks, scalings, dropout and targets.</param>
/// <param name="Tensors">A [r, in] and B [out, r] under PEFT's key names, in float32.</param>
public sealed record PeftAdapter(LoraConfig Config, TensorSet Tensors)
{
    internal const string ConfigFile = "adapter_config.json";
    internal const string WeightsFile = "adapter_model.safetensors";

    /// <summary>The base model's path or name as the adapter's configuration gives it, if it does.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Loads an adapter.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="model">The base model it shall fit, or null to check it only against its own configuration.</param>
    /// <exception cref="InputFileException">The folder or a file in it is absent or damaged, uses a feature of PEFT that is not supported, or does not fit the model.</exception>
    public static PeftAdapter Load(string path, ModelConfig? model = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        RequireFiles(path);
        var config = PeftConfigFile.Read(Path.Combine(path, ConfigFile));
        using var file = SafetensorsFile.Open(Path.Combine(path, WeightsFile));
        return new AdapterReader(file, config, model).Read();
    }

    /// <summary>Writes an adapter so that PEFT loads it. Other files in the folder stay.</summary>
    /// <param name="path">The folder; made if absent.</param>
    /// <param name="config">Ranks, scalings, dropout and targets.</param>
    /// <param name="tensors">The adapter, laid out as <see cref="LoraLayout.For"/> does.</param>
    /// <param name="baseModel">The base model's path or name, for PEFT to find it by.</param>
    /// <returns>The SHA-256 of <c>adapter_model.safetensors</c>, in lower-case hexadecimal.</returns>
    /// <exception cref="InputFileException">The folder cannot be written.</exception>
    /// <exception cref="ArgumentException">The tensors are not those of <paramref name="config"/>.</exception>
    public static string Save(string path, LoraConfig config, TensorSet tensors, string? baseModel)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(tensors);
        CheckLayout(config, tensors.Layout);
        string hash = string.Empty;
        AtomicFile.WriteAll(
            path,
            (WeightsFile, stream => hash = SafetensorsWriter.WriteHashed(stream, SafetensorsWriter.Named(tensors), TensorType.F32)),
            (ConfigFile, JsonFile.Object(json => PeftConfigWriter.Write(json, config, baseModel))));
        return hash;
    }

    /// <summary>Refuses an adapter of other targets, ranks or scalings than a run's.</summary>
    /// <param name="path">The folder it was loaded from, for the message.</param>
    /// <param name="expected">The run's configuration; the dropout may differ.</param>
    /// <param name="layers">Number of the model's decoder layers.</param>
    /// <exception cref="InputFileException">They differ; the message lists in what.</exception>
    public void RequireLike(string path, LoraConfig expected, int layers)
    {
        if (LoraDifference.Describe(Config, expected, layers) is { } difference)
        {
            throw new InputFileException(path, null, $"the adapter is not like the run's: {difference}", "Give the run the adapter's lora settings, or use another adapter");
        }
    }

    /// <summary>Returns the bytes of the <c>adapter_config.json</c> that <see cref="Save"/> writes.</summary>
    public static byte[] ConfigBytes(LoraConfig config, string? baseModel)
    {
        ArgumentNullException.ThrowIfNull(config);
        using var stream = new MemoryStream();
        JsonFile.Object(json => PeftConfigWriter.Write(json, config, baseModel))(stream);
        return stream.ToArray();
    }

    private static void CheckLayout(LoraConfig config, TensorLayout layout)
    {
        int layers = TensorNames.CountLoraLayers(layout.Slots.Select(s => s.Name));
        (int Out, int In) Size(LoraModule module) => (
            layout.TryGet(TensorNames.LoraB(module.Layer, module.Kind), out TensorSlot? b) ? b.Shape[0] : 1,
            layout.TryGet(TensorNames.LoraA(module.Layer, module.Kind), out TensorSlot? a) ? a.Shape[^1] : 1);
        if (layers == 0 || !layout.Equals(new TensorLayout(LoraLayout.Tensors(config.Modules(layers), Size))))
        {
            throw new ArgumentException("The tensors are not those of an adapter with these ranks and targets.", nameof(layout));
        }
    }

    private static void RequireFiles(string path)
    {
        if (!Directory.Exists(path))
        {
            throw File.Exists(path)
                ? new InputFileException(path, null, "is a file; an adapter is a folder", $"Point at the folder that holds {ConfigFile}")
                : new InputFileException(path, null, "the adapter folder does not exist", "Check the path");
        }

        if (!File.Exists(Path.Combine(path, ConfigFile)))
        {
            throw new InputFileException(path, null, $"the folder has no {ConfigFile}, so it is not an adapter", $"Point at the folder that holds {ConfigFile}");
        }

        if (!File.Exists(Path.Combine(path, WeightsFile)))
        {
            throw File.Exists(Path.Combine(path, "adapter_model.bin"))
                ? new InputFileException(path, null, "the adapter is a Python pickle (adapter_model.bin), which is not read because it can run code",
                    "Convert it to safetensors: in Python, PeftModel.from_pretrained(base, DIR).save_pretrained(DIR, safe_serialization=True)")
                : new InputFileException(path, null, $"the folder has no {WeightsFile}", "Copy the whole adapter folder again");
        }
    }
}
