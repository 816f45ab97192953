using System.Runtime.InteropServices;
using FedLLM.Engine.Files;
using FedLLM.Engine.Kernels;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Numerics;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Weights;

/// <summary>One frozen linear layer on the device.</summary>
/// <param name="Weight">[out, in].</param>
/// <param name="Bias">[out], or null.</param>
internal sealed record TorchLinear(TorchMatrix Weight, Tensor? Bias);

/// <summary>One decoder layer on the device.</summary>
/// <param name="InputNorm">[D].</param>
/// <param name="PostAttentionNorm">[D].</param>
/// <param name="Linears">The seven linear layers, indexed by <see cref="LinearKind"/>.</param>
internal sealed record TorchLayer(Tensor InputNorm, Tensor PostAttentionNorm, TorchLinear[] Linears);

/// <summary>
/// A frozen base model on a device. All arithmetic on it has one type: float32, or bfloat16 where the matrices are kept so; a corrected matrix is float32. The layers'
/// matrices may be quantised; a corrected one no longer is.
/// </summary>
internal sealed class TorchWeights : IDisposable
{
    // Elements copied at a time: a tensor's bytes are reached by a span, which holds less than 2^31 of them.
    private const int ChunkElements = 1 << 27;

    private readonly List<IDisposable> _owned = [];

    private TorchWeights(ModelConfig config, Device device, ScalarType type) => (Config, Device, Type) = (config, device, type);

    /// <summary>The architecture.</summary>
    public ModelConfig Config { get; }

    /// <summary>Where it lies.</summary>
    public Device Device { get; }

    /// <summary>The type of weights and activations.</summary>
    public ScalarType Type { get; }

    /// <summary>[V, D].</summary>
    public Tensor Embedding { get; private init; } = null!;

    /// <summary>[V, D]; the embedding itself where they are tied.</summary>
    public Tensor Head { get; private init; } = null!;

    /// <summary>[D].</summary>
    public Tensor FinalNorm { get; private init; } = null!;

    /// <summary>Angle of one position for each pair of a head's elements, [1, d/2], float32.</summary>
    public Tensor Frequencies { get; private init; } = null!;

    /// <summary>The decoder layers.</summary>
    public TorchLayer[] Layers { get; private init; } = [];

    /// <summary>Copies <paramref name="weights"/> to <paramref name="device"/>; the layers' matrices are quantised there, one after another.</summary>
    public static TorchWeights Upload(DecoderWeights weights, Device device, WeightQuantization quantization)
    {
        ModelConfig config = weights.Config;
        bool half = weights.Embedding.IsBFloat16 || weights.Layers.Any(l => l.Linears.Any(linear => linear.Weight.IsBFloat16));
        using var scope = NewDisposeScope();
        var result = new TorchWeights(config, device, half ? ScalarType.BFloat16 : ScalarType.Float32);
        var rotary = new Rotary(config.HeadSize, config.RopeTheta, config.RopeScaling);
        Tensor embedding = result.Matrix(weights.Embedding, config.VocabularySize, config.HiddenSize);
        return new TorchWeights(config, device, result.Type, result)
        {
            Embedding = embedding,
            Head = ReferenceEquals(weights.Head, weights.Embedding) ? embedding : result.Matrix(weights.Head, config.VocabularySize, config.HiddenSize),
            FinalNorm = result.Vector(weights.FinalNorm),
            Frequencies = result.Keep(tensor(rotary.Frequencies.ToArray()).to(device).unsqueeze(0)),
            Layers =
            [
                .. weights.Layers.Select(layer => new TorchLayer(
                    result.Vector(layer.InputNorm),
                    result.Vector(layer.PostAttentionNorm),
                    [.. layer.Linears.Select(l => new TorchLinear(result.Layer(l, quantization), l.Bias is null ? null : result.Vector(l.Bias)))])),
            ],
        };
    }

    /// <summary>Returns weights that hold W + B·A in float32 where <paramref name="correction"/> has factors, and share the other tensors with these, which must outlive them.</summary>
    /// <exception cref="ArgumentException">A factor is of no linear layer of the model, lacks its partner, or has another shape; the message names it.</exception>
    public TorchWeights Corrected(TensorSet correction)
    {
        using var scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        var result = new TorchWeights(Config, Device, Type);
        int used = 0;
        var layers = new TorchLayer[Layers.Length];
        for (int layer = 0; layer < layers.Length; layer++)
        {
            TorchLinear[] linears = [.. Layers[layer].Linears];
            foreach (LinearKind kind in TensorNames.Kinds)
            {
                if (correction.Layout.TryGet(TensorNames.LoraA(layer, kind), out TensorSlot? a))
                {
                    (int outSize, int inSize) = TensorNames.Size(Config, kind);
                    if (!correction.Layout.TryGet(TensorNames.LoraB(layer, kind), out TensorSlot? b)
                        || a.Shape[1] != inSize || b.Shape[0] != outSize || a.Shape[0] != b.Shape[1])
                    {
                        throw new ArgumentException($"The correction's '{a.Name}' and its partner do not fit a layer of {inSize} inputs and {outSize} outputs.", nameof(correction));
                    }

                    Tensor product = result.Floats(correction[b], b.Shape).matmul(result.Floats(correction[a], a.Shape)); // [out, in]
                    linears[(int)kind] = linears[(int)kind] with { Weight = result.Keep(TorchMatrix.Of(product.add_(linears[(int)kind].Weight.Dense(Type)), WeightQuantization.None)) };
                    used += 2;
                }
            }

            layers[layer] = Layers[layer] with { Linears = linears };
        }

        return used == correction.Layout.Slots.Count
            ? new TorchWeights(Config, Device, Type, result)
            {
                Embedding = Embedding,
                Head = Head,
                FinalNorm = FinalNorm,
                Frequencies = Frequencies,
                Layers = layers,
            }
            : throw new ArgumentException($"Of the correction's {correction.Layout.Slots.Count} tensors, {used} are factors of the model's linear layers.", nameof(correction));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        _owned.Clear();
    }

    // Takes over what `builder` owns.
    private TorchWeights(ModelConfig config, Device device, ScalarType type, TorchWeights builder)
        : this(config, device, type)
    {
        _owned = builder._owned;
    }

    private Tensor Keep(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    private TorchMatrix Keep(TorchMatrix matrix)
    {
        _owned.Add(matrix);
        return matrix;
    }

    private TorchMatrix Layer(LinearWeights linear, WeightQuantization quantization) =>
        Keep(TorchMatrix.Of(Dense(linear.Weight, linear.OutSize, linear.InSize), quantization));

    private Tensor Floats(ReadOnlySpan<float> values, IReadOnlyList<int> shape) =>
        tensor(values.ToArray(), [.. shape.Select(n => (long)n)], ScalarType.Float32).to(Device);

    private Tensor Vector(float[] values) => Keep(tensor(values).to(Type).to(Device));

    private Tensor Matrix(WeightMatrix matrix, int rows, int columns) => Keep(Dense(matrix, rows, columns));

    private Tensor Dense(WeightMatrix matrix, int rows, int columns)
    {
        Tensor result = empty(matrix.Length, Type, Device);
        for (int first = 0; first < matrix.Length; first += ChunkElements)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(ChunkElements, matrix.Length - first);
            Tensor chunk = empty(count, matrix.IsBFloat16 ? ScalarType.BFloat16 : ScalarType.Float32);
            ReadOnlySpan<byte> bytes = matrix.IsBFloat16
                ? MemoryMarshal.AsBytes(matrix.Half.AsSpan(first, count))
                : MemoryMarshal.AsBytes(matrix.Single.AsSpan(first, count));
            bytes.CopyTo(chunk.bytes);
            result.narrow(0, first, count).copy_(chunk);
        }

        return result.view(rows, columns);
    }
}
