using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>The factors of one linear layer on the device.</summary>
/// <param name="A">[r, in], a leaf that shares the adapter's flat storage.</param>
/// <param name="B">[out, r], likewise.</param>
/// <param name="Scaling">s.</param>
internal sealed record TorchFactors(Tensor A, Tensor B, float Scaling)
{
    /// <summary>r.</summary>
    public long Rank => A.shape[0];
}

/// <summary>
/// The LoRA factors of one adapter on the device: float32, in one flat tensor laid out under PEFT's names. With a gradient, each factor's is a view of one flat tensor
/// as well, so that clipping and the optimizer need a few operations for all of them.
/// </summary>
internal sealed class TorchAdapter : IDisposable
{
    private readonly TorchFactors?[] _factors;
    private readonly IReadOnlyList<LoraModule> _modules;

    /// <summary>Makes an adapter of zeros.</summary>
    public TorchAdapter(ModelConfig model, LoraConfig config, Device device, bool trains)
    {
        (Config, Layout) = (config, LoraLayout.For(model, config));
        _modules = config.Modules(model.Layers);
        _factors = new TorchFactors?[model.Layers * TensorNames.Kinds.Count];
        using var scope = NewDisposeScope();
        Flat = zeros(Layout.Count, ScalarType.Float32, device).DetachFromDisposeScope();
        Gradient = trains ? zeros(Layout.Count, ScalarType.Float32, device).DetachFromDisposeScope() : null;
        foreach (LoraModule module in _modules)
        {
            LowestLayer = Math.Min(LowestLayer, module.Layer);
            _factors[At(module.Layer, module.Kind)] = new TorchFactors(
                View(Flat, TensorNames.LoraA(module.Layer, module.Kind)), View(Flat, TensorNames.LoraB(module.Layer, module.Kind)), module.Scaling);
        }
    }

    /// <summary>Rank, alpha, dropout and targets.</summary>
    public LoraConfig Config { get; }

    /// <summary>Names, shapes and offsets.</summary>
    public TensorLayout Layout { get; }

    /// <summary>All factors, [P].</summary>
    public Tensor Flat { get; }

    /// <summary>All gradients, [P]; null where nothing trains.</summary>
    public Tensor? Gradient { get; }

    /// <summary>The lowest decoder layer that carries factors.</summary>
    public int LowestLayer { get; } = int.MaxValue;

    /// <summary>The factors of one linear layer, or null where it has none.</summary>
    public TorchFactors? this[int layer, LinearKind kind] => _factors[At(layer, kind)];

    /// <summary>Copies <paramref name="values"/> to the device.</summary>
    public void Load(float[] values)
    {
        using var scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        Flat.copy_(tensor(values));
    }

    /// <summary>Sets which factors get a gradient.</summary>
    public void Train(bool a, bool b)
    {
        foreach (LoraModule module in _modules)
        {
            TorchFactors factors = _factors[At(module.Layer, module.Kind)]!;
            Track(factors.A, a, TensorNames.LoraA(module.Layer, module.Kind));
            Track(factors.B, b, TensorNames.LoraB(module.Layer, module.Kind));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TorchFactors? factors in _factors)
        {
            factors?.A.Dispose();
            factors?.B.Dispose();
        }

        Flat.Dispose();
        Gradient?.Dispose();
    }

    private static int At(int layer, LinearKind kind) => (layer * TensorNames.Kinds.Count) + (int)kind;

    private Tensor View(Tensor flat, string name)
    {
        using var scope = NewDisposeScope();
        TensorSlot slot = Layout[name];
        return flat.narrow(0, slot.Offset, slot.Count).view(slot.Shape[0], slot.Shape[1]).detach().DetachFromDisposeScope();
    }

    // Backward passes add to a gradient that is already there, in place.
    private void Track(Tensor factor, bool trains, string name)
    {
        factor.requires_grad = trains;
        if (trains && factor.grad is null)
        {
            using Tensor gradient = View(Gradient!, name);
            factor.grad = gradient;
        }
    }
}
