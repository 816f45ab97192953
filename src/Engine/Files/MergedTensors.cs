using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>Streams the tensors of a base model with an adapter merged in: W + s·(B·A), summed in float32 and rounded once to the base's type, to the nearest, ties to even.</summary>
internal sealed class MergedTensors
{
    private const int BlockElements = 1 << 20;
    private readonly WeightFiles _weights;
    private readonly ModelConfig _config;
    private readonly TensorSet _factors;
    private readonly Dictionary<string, LoraModule> _modules;

    /// <summary>Prepares the tensors; nothing is read yet.</summary>
    public MergedTensors(WeightFiles weights, ModelConfig config, PeftAdapter adapter)
    {
        _weights = weights;
        _config = config;
        _factors = adapter.Tensors;
        _modules = adapter.Config.Modules(config.Layers).ToDictionary(m => TensorNames.Weight(m.Layer, m.Kind), StringComparer.Ordinal);
    }

    /// <summary>Number of tensors that the adapter changes.</summary>
    public int Count => _modules.Count;

    /// <summary>Writes a safetensors file that holds <paramref name="tensors"/>, in their order.</summary>
    /// <exception cref="InputFileException">The base cannot be read, or a merged weight is not finite.</exception>
    public void Write(Stream stream, IReadOnlyList<SafetensorsEntry> tensors)
    {
        SafetensorsWriter.WriteHeader(stream, tensors.Select(t => (t.Name, t.Type, t.Shape)));
        foreach (SafetensorsEntry tensor in tensors)
        {
            if (_modules.TryGetValue(tensor.Name, out LoraModule module))
            {
                Merge(stream, tensor, module);
            }
            else
            {
                Copy(stream, tensor);
            }
        }
    }

    private void Copy(Stream stream, SafetensorsEntry tensor)
    {
        byte[] chunk = new byte[(int)Math.Min(tensor.ByteCount, BlockElements)];
        for (long at = 0; at < tensor.ByteCount; at += chunk.Length)
        {
            Span<byte> piece = chunk.AsSpan(0, (int)Math.Min(chunk.Length, tensor.ByteCount - at));
            _weights.Find(tensor.Name)!.ReadRaw(tensor.Name, piece, at);
            stream.Write(piece);
        }
    }

    private unsafe void Merge(Stream stream, SafetensorsEntry tensor, LoraModule module)
    {
        (int outSize, int inSize) = TensorNames.Size(_config, module.Kind);
        ReadOnlySpan<float> a = _factors[TensorNames.LoraA(module.Layer, module.Kind)]; // [r, in]
        ReadOnlySpan<float> b = _factors[TensorNames.LoraB(module.Layer, module.Kind)]; // [out, r]
        int rows = Math.Clamp(BlockElements / inSize, 1, outSize);
        float[] weight = new float[rows * inSize]; // [rows, in]
        float[] delta = new float[rows * inSize]; // [rows, in]
        byte[] bytes = new byte[rows * inSize * tensor.Type.ByteSize()];
        for (int first = 0; first < outSize; first += rows)
        {
            int count = Math.Min(rows, outSize - first);
            Span<float> block = weight.AsSpan(0, count * inSize);
            Span<byte> narrow = bytes.AsSpan(0, block.Length * tensor.Type.ByteSize());
            _weights.Find(tensor.Name)!.ReadInto(tensor.Name, block, (long)first * inSize);
            fixed (float* down = a, up = b, product = delta)
            {
                Gemm.Multiply(null, count, inSize, module.Rank, up + ((long)first * module.Rank), module.Rank, 1, down, inSize, 1, product, inSize, false);
            }

            for (int i = 0; i < block.Length; i++)
            {
                block[i] = MathF.FusedMultiplyAdd(module.Scaling, delta[i], block[i]);
            }

            FloatConversion.FromFloat32(tensor.Type, block, narrow);
            RequireFinite(tensor, block, narrow);
            stream.Write(narrow);
        }
    }

    // What was rounded is looked at: beyond the range of float16 lies infinity.
    private void RequireFinite(SafetensorsEntry tensor, Span<float> values, ReadOnlySpan<byte> rounded)
    {
        FloatConversion.ToFloat32(tensor.Type, rounded, values);
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new InputFileException(
                    _weights.Find(tensor.Name)!.Path, $"tensor {InputFileException.Quote(tensor.Name)}", $"with the adapter it holds a value that {tensor.Type} cannot hold",
                    "Check the adapter, or convert the base model to a type of wider range");
            }
        }
    }
}
