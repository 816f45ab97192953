using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>Fills a decoder from weight files, after holding names, shapes and types against the configuration.</summary>
internal sealed class DecoderReader(string folder, ModelConfig config, WeightFiles files, WeightStorage storage)
{
    private const int ChunkElements = 1 << 16;

    /// <summary>Reads all parameters.</summary>
    /// <exception cref="InputFileException">Tensors are missing, left over, or have another shape or type than the configuration asks for.</exception>
    public DecoderWeights Read()
    {
        CheckTensors();
        WeightMatrix embedding = ReadMatrix(TensorNames.Embedding);
        if (config.TiedEmbeddings)
        {
            CheckTiedHead(embedding);
        }

        return new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Head = config.TiedEmbeddings ? embedding : ReadMatrix(TensorNames.Head),
            FinalNorm = ReadTensor(TensorNames.FinalNorm),
            Layers = [.. Enumerable.Range(0, config.Layers).Select(ReadLayer)],
        };
    }

    private LayerWeights ReadLayer(int layer) => new()
    {
        InputNorm = ReadTensor(TensorNames.InputNorm(layer)),
        PostAttentionNorm = ReadTensor(TensorNames.PostAttentionNorm(layer)),
        Linears = [.. TensorNames.Kinds.Select(kind => ReadLinear(layer, kind))],
    };

    private LinearWeights ReadLinear(int layer, LinearKind kind)
    {
        (int outSize, int inSize) = TensorNames.Size(config, kind);
        WeightMatrix weight = ReadMatrix(TensorNames.Weight(layer, kind));
        return new LinearWeights(outSize, inSize, weight, TensorNames.HasBias(config, kind) ? ReadTensor(TensorNames.Bias(layer, kind)) : null);
    }

    private float[] ReadTensor(string name) => files.Find(name)!.ReadFloat32(name);

    private WeightMatrix ReadMatrix(string name)
    {
        if (storage == WeightStorage.Float32)
        {
            return new WeightMatrix(ReadTensor(name));
        }

        // In pieces, so that the matrix never exists as float32. The shape, and with it the length, has been held against the configuration.
        SafetensorsFile file = files.Find(name)!;
        var half = new ushort[checked((int)file[name].Count)];
        var chunk = new float[Math.Min(ChunkElements, half.Length)];
        for (int at = 0; at < half.Length; at += chunk.Length)
        {
            Span<float> piece = chunk.AsSpan(0, Math.Min(chunk.Length, half.Length - at));
            file.ReadInto(name, piece, at);
            BFloat16.Narrow(piece, half.AsSpan(at));
        }

        return new WeightMatrix(half);
    }

    /// <summary>Holds the tensors' names, shapes and types against the configuration.</summary>
    /// <exception cref="InputFileException">Tensors are missing, left over, or have another shape or type than the configuration asks for.</exception>
    public void CheckTensors()
    {
        var expected = DecoderTensors.Shapes(config).ToDictionary(t => t.Name, t => t.Shape, StringComparer.Ordinal);
        string[] missing = [.. expected.Keys.Where(n => files.Find(n) is null)];
        if (missing.Length > 0)
        {
            string remedy = missing is [TensorNames.Head]
                ? "Download the model again, or set tie_word_embeddings to true in config.json if the head shares the embedding's matrix"
                : "Check that config.json belongs to these weights, or download the model again";
            throw new InputFileException(folder, null, $"tensors are missing: {InputFileException.QuoteAll(missing)}", remedy);
        }

        string[] extra = [.. files.Names.Where(n => !expected.ContainsKey(n) && !IsHarmless(n)).Order(StringComparer.Ordinal)];
        if (extra.Length > 0)
        {
            throw new InputFileException(folder, null, $"tensors are left over that the configuration does not ask for: {InputFileException.QuoteAll(extra)}",
                "Check that config.json belongs to these weights");
        }

        foreach ((string name, int[] shape) in expected)
        {
            SafetensorsFile file = files.Find(name)!;
            SafetensorsEntry entry = file[name];
            if (!entry.Shape.SequenceEqual(shape.Select(d => (long)d)))
            {
                throw new InputFileException(file.Path, $"tensor {InputFileException.Quote(name)}", $"has the shape {entry.ShapeText}, but config.json asks for [{string.Join(", ", shape)}]",
                    "Check that config.json belongs to these weights");
            }

            if (entry.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
            {
                throw new InputFileException(file.Path, $"tensor {InputFileException.Quote(name)}", $"has the type {entry.Type}; weights are F32, F16 or BF16", "Use the model's float weights");
            }
        }
    }

    /// <summary>Tensors that older versions of transformers saved though they are computed, and a tied head, which is compared with the embedding.</summary>
    private bool IsHarmless(string name) =>
        name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || (name == TensorNames.Head && config.TiedEmbeddings);

    /// <summary>A tied model's file may repeat the matrix as the head; a different head would mean that it is not tied.</summary>
    private void CheckTiedHead(WeightMatrix embedding)
    {
        if (files.Find(TensorNames.Head) is not SafetensorsFile file)
        {
            return;
        }

        bool equal = file[TensorNames.Head].Count == embedding.Length && file[TensorNames.Head].Type.IsFloat();
        float[] chunk = new float[Math.Min(ChunkElements, embedding.Length)];
        float[] own = new float[chunk.Length];
        for (int at = 0; equal && at < embedding.Length; at += chunk.Length)
        {
            Span<float> head = chunk.AsSpan(0, Math.Min(chunk.Length, embedding.Length - at));
            file.ReadInto(TensorNames.Head, head, at);
            embedding.CopyTo(at, head.Length, own);
            if (embedding.IsBFloat16)
            {
                Round(head);
            }

            equal = head.SequenceEqual(own.AsSpan(0, head.Length));
        }

        if (!equal)
        {
            throw new InputFileException(file.Path, $"tensor '{TensorNames.Head}'", "differs from the embedding, but config.json ties the two",
                "Set tie_word_embeddings to false in config.json, or remove the tensor");
        }
    }

    // What a head's values become when they are kept as the embedding's are.
    private static void Round(Span<float> values)
    {
        var half = new ushort[values.Length];
        BFloat16.Narrow(values, half);
        BFloat16.Widen(half, values);
    }
}
