using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// The LoRA factors of one decoder: for every targeted linear layer A [r,in] and B [out,r], in one flat buffer laid out under PEFT's names.
/// </summary>
public sealed class LoraAdapter
{
    private readonly LoraSlot?[] _slots;

    /// <summary>Wraps <paramref name="parameters"/> (not copied).</summary>
    /// <exception cref="ArgumentException">The parameters' layout is not that of the configuration on this model.</exception>
    public LoraAdapter(ModelConfig model, LoraConfig config, TensorSet parameters)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(parameters);
        if (!parameters.Layout.Equals(LoraLayout.For(model, config)))
        {
            throw new ArgumentException("The adapter's tensors are not those of its configuration on this model.", nameof(parameters));
        }

        Config = config;
        Parameters = parameters;
        _slots = new LoraSlot?[model.Layers * LinearKinds];
        foreach (LoraModule module in config.Modules(model.Layers))
        {
            MaxRank = Math.Max(MaxRank, module.Rank);
            LowestLayer = Math.Min(LowestLayer, module.Layer);
            _slots[(module.Layer * LinearKinds) + (int)module.Kind] = new LoraSlot(
                parameters.Layout[TensorNames.LoraA(module.Layer, module.Kind)].Offset,
                parameters.Layout[TensorNames.LoraB(module.Layer, module.Kind)].Offset,
                module.Rank,
                module.Scaling);
        }
    }

    /// <summary>Number of linear layers in a decoder layer.</summary>
    internal const int LinearKinds = 7;

    /// <summary>Rank, alpha, dropout and targets.</summary>
    public LoraConfig Config { get; }

    /// <summary>All factors under PEFT's names.</summary>
    public TensorSet Parameters { get; }

    /// <summary>
    /// Makes PEFT's initial adapter: A uniform on (-1/√in, 1/√in) (Kaiming with a = √5), B zero.
    /// </summary>
    public static LoraAdapter Initialize(ModelConfig model, LoraConfig config, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        var parameters = new TensorSet(LoraLayout.For(model, config));
        var adapter = new LoraAdapter(model, config, parameters);
        foreach ((int layer, LinearKind kind, int rank, _) in config.Modules(model.Layers))
        {
            Span<float> a = parameters[TensorNames.LoraA(layer, kind)];
            var random = new CounterRandom(seed, RandomPurpose.LoraInitialization, step: (layer * LinearKinds) + (int)kind);
            float bound = 1f / MathF.Sqrt(a.Length / rank);
            for (int i = 0; i < a.Length; i++)
            {
                a[i] = ((2f * random.Uniform((ulong)i)) - 1f) * bound;
            }
        }

        return adapter;
    }

    /// <summary>The largest rank of any linear layer.</summary>
    internal int MaxRank { get; }

    /// <summary>The lowest decoder layer that carries an adapter.</summary>
    internal int LowestLayer { get; } = int.MaxValue;

    /// <summary>Where the factors of one linear layer stand in the flat buffer, or null where it has none.</summary>
    internal LoraSlot? Slot(int layer, LinearKind kind) => _slots[(layer * LinearKinds) + (int)kind];
}

/// <summary>One linear layer's factors.</summary>
/// <param name="A">First element of A [r,in].</param>
/// <param name="B">First element of B [out,r].</param>
/// <param name="Rank">r.</param>
/// <param name="Scaling">s, the factor of B·A.</param>
internal readonly record struct LoraSlot(int A, int B, int Rank, float Scaling);
