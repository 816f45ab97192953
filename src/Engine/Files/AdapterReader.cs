using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>Fills an adapter from its safetensors file, after holding names, shapes and types against its configuration and, if given, the base model.</summary>
internal sealed class AdapterReader(SafetensorsFile file, PeftConfigFile config, ModelConfig? model)
{
    private const string Remedy = "Check that adapter_config.json belongs to these weights and the adapter to this base model";

    /// <summary>Reads the adapter.</summary>
    /// <exception cref="InputFileException">Tensors are missing, left over, or have another shape or type than the configurations ask for.</exception>
    public PeftAdapter Read()
    {
        int layers = TensorNames.CountLoraLayers(file.Names);
        IReadOnlyList<LoraModule> modules = config.Modules(model?.Layers ?? Math.Max(layers, 1));
        CheckNames(modules, layers);
        var shapes = LoraLayout.Tensors(modules, Size).ToList();
        long count = shapes.Sum(t => Check(t.Name, t.Shape));
        if (count > int.MaxValue)
        {
            throw new InputFileException(file.Path, null, $"holds {count} elements; at most {int.MaxValue} are supported", "Use an adapter of lower rank");
        }

        var tensors = new TensorSet(new TensorLayout(shapes));
        foreach (TensorSlot slot in tensors.Layout.Slots)
        {
            file.ReadInto(slot.Name, tensors[slot]);
        }

        return new PeftAdapter(config.Lora, tensors) { BaseModel = config.BaseModel };
    }

    private void CheckNames(IReadOnlyList<LoraModule> modules, int layers)
    {
        if (layers == 0)
        {
            throw new InputFileException(file.Path, null, "holds no LoRA tensor of a decoder layer", Remedy);
        }

        if (layers > model?.Layers)
        {
            throw new InputFileException(file.Path, null, $"the adapter is of a model of at least {layers} layers, this one has {model.Layers}: tensors would be left over", Remedy);
        }

        var expected = LoraLayout.Tensors(modules, _ => (0, 0)).Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        string[] missing = [.. expected.Where(n => !file.Contains(n)).Order(StringComparer.Ordinal)];
        string[] extra = [.. file.Names.Where(n => !expected.Contains(n)).Order(StringComparer.Ordinal)];
        if (missing.Length > 0)
        {
            throw new InputFileException(file.Path, null, $"tensors are missing: {InputFileException.QuoteAll(missing)}", Remedy);
        }

        if (extra.Length > 0)
        {
            throw new InputFileException(file.Path, null, $"tensors are left over that the configuration does not ask for: {InputFileException.QuoteAll(extra)}", Remedy);
        }
    }

    /// <summary>The linear layer's size: the base model's, or else what the first layer that has such tensors says.</summary>
    private (int Out, int In) Size(LoraModule module) => model is not null ? TensorNames.Size(model, module.Kind) : FirstSize(module.Kind);

    private (int Out, int In) FirstSize(LinearKind kind)
    {
        int layer = 0;
        while (!file.Contains(TensorNames.LoraA(layer, kind)))
        {
            layer++;
        }

        return (Dimension(TensorNames.LoraB(layer, kind), 0), Dimension(TensorNames.LoraA(layer, kind), 1));
    }

    private int Dimension(string name, int axis)
    {
        IReadOnlyList<long> shape = file[name].Shape;
        return shape.Count == 2 && shape[axis] is >= 1 and <= int.MaxValue
            ? (int)shape[axis]
            : throw new InputFileException(file.Path, $"tensor {InputFileException.Quote(name)}", $"has the shape {file[name].ShapeText}; a matrix is expected", Remedy);
    }

    private long Check(string name, IReadOnlyList<int> shape)
    {
        SafetensorsEntry entry = file[name];
        if (!entry.Shape.SequenceEqual(shape.Select(d => (long)d)))
        {
            throw new InputFileException(file.Path, $"tensor {InputFileException.Quote(name)}", $"has the shape {entry.ShapeText}, but [{string.Join(", ", shape)}] is expected", Remedy);
        }

        return entry.Type is TensorType.F32 or TensorType.F16 or TensorType.BF16
            ? entry.Count
            : throw new InputFileException(file.Path, $"tensor {InputFileException.Quote(name)}", $"has the type {entry.Type}; F32, F16 or BF16 is expected", Remedy);
    }
}
