using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Tests.Models;

/// <summary>
/// The decoder's forward pass written a second time, in float64 and one number after another, from the formulas of the Llama paper and of transformers:
/// the twin of <see cref="Decoder"/> and its kernels.
/// </summary>
internal sealed class ScalarDecoder(DecoderWeights weights, LoraAdapter? adapter)
{
    private readonly ModelConfig _config = weights.Config;

    /// <summary>Logits [T][V] of one sequence.</summary>
    public double[][] Logits(int[] tokens)
    {
        int hidden = _config.HiddenSize;
        double[][] x = [.. tokens.Select(t => Widen(weights.Embedding.Single.AsSpan(t * hidden, hidden)))];
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            LayerWeights w = weights.Layers[layer];
            double[][] normed = [.. x.Select(row => Norm(row, w.InputNorm))];
            double[][] attended = Attend(layer, normed);
            for (int t = 0; t < tokens.Length; t++)
            {
                Add(x[t], Linear(layer, LinearKind.Output, attended[t]));
                double[] m = Norm(x[t], w.PostAttentionNorm);
                double[] gate = Linear(layer, LinearKind.Gate, m);
                double[] up = Linear(layer, LinearKind.Up, m);
                double[] gated = [.. gate.Select((g, i) => g / (1 + Math.Exp(-g)) * up[i])];
                Add(x[t], Linear(layer, LinearKind.Down, gated));
            }
        }

        return [.. x.Select(row => Product(weights.Head.Single, _config.VocabularySize, Norm(row, weights.FinalNorm)))];
    }

    /// <summary>Frequencies of the rotary embedding in float64: transformers' modeling_rope_utils (default, linear, llama3).</summary>
    public static double[] Frequencies(ModelConfig config)
    {
        var frequencies = new double[config.HeadSize / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double plain = 1 / Math.Pow(config.RopeTheta, 2.0 * i / config.HeadSize);
            frequencies[i] = plain;
            if (config.RopeScaling is { Kind: RopeScalingKind.Linear } linear)
            {
                frequencies[i] = plain / linear.Factor;
            }
            else if (config.RopeScaling is { } s)
            {
                double wavelength = 2 * Math.PI / plain;
                bool low = wavelength > s.OriginalMaxPositions / s.LowFrequencyFactor;
                bool high = wavelength < s.OriginalMaxPositions / s.HighFrequencyFactor;
                double smooth = ((s.OriginalMaxPositions / wavelength) - s.LowFrequencyFactor) / (s.HighFrequencyFactor - s.LowFrequencyFactor);
                frequencies[i] = low ? plain / s.Factor : high ? plain : ((1 - smooth) * (plain / s.Factor)) + (smooth * plain);
            }
        }

        return frequencies;
    }

    private double[][] Attend(int layer, double[][] normed)
    {
        int d = _config.HeadSize;
        double[][] query = [.. normed.Select((row, t) => Rotate(Linear(layer, LinearKind.Query, row), t))];
        double[][] key = [.. normed.Select((row, t) => Rotate(Linear(layer, LinearKind.Key, row), t))];
        double[][] value = [.. normed.Select(row => Linear(layer, LinearKind.Value, row))];
        double[][] output = [.. normed.Select(_ => new double[_config.Heads * d])];
        for (int head = 0; head < _config.Heads; head++)
        {
            int q = head * d;
            int k = head / (_config.Heads / _config.KeyValueHeads) * d;
            for (int t = 0; t < normed.Length; t++)
            {
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(s => Enumerable.Range(0, d).Sum(i => query[t][q + i] * key[s][k + i]) / Math.Sqrt(d))];
                double max = scores.Max();
                double total = scores.Sum(s => Math.Exp(s - max));
                for (int i = 0; i < d; i++)
                {
                    output[t][q + i] = Enumerable.Range(0, t + 1).Sum(s => Math.Exp(scores[s] - max) / total * value[s][k + i]);
                }
            }
        }

        return output;
    }

    private double[] Rotate(double[] heads, int position)
    {
        double[] frequencies = Frequencies(_config);
        int half = frequencies.Length;
        var turned = new double[heads.Length];
        for (int start = 0; start < heads.Length; start += 2 * half)
        {
            for (int i = 0; i < half; i++)
            {
                (double sin, double cos) = Math.SinCos(position * frequencies[i]);
                turned[start + i] = (heads[start + i] * cos) - (heads[start + i + half] * sin);
                turned[start + i + half] = (heads[start + i + half] * cos) + (heads[start + i] * sin);
            }
        }

        return turned;
    }

    private double[] Linear(int layer, LinearKind kind, double[] x)
    {
        LinearWeights linear = weights.Layers[layer][kind];
        double[] y = Product(linear.Weight.Single, linear.OutSize, x);
        if (linear.Bias is { } bias)
        {
            Add(y, Widen(bias));
        }

        LoraModule[] module = adapter is null ? [] : [.. adapter.Config.Modules(_config.Layers).Where(m => m.Layer == layer && m.Kind == kind)];
        if (module is [var lora])
        {
            double[] down = Product(adapter!.Parameters[TensorNames.LoraA(layer, kind)], lora.Rank, x);
            double[] branch = Product(adapter.Parameters[TensorNames.LoraB(layer, kind)], linear.OutSize, down);
            Add(y, [.. branch.Select(v => v * lora.Scaling)]);
        }

        return y;
    }

    private double[] Norm(double[] x, float[] weight)
    {
        double inverse = 1 / Math.Sqrt((x.Sum(v => v * v) / x.Length) + _config.NormEpsilon);
        return [.. x.Select((v, i) => v * inverse * weight[i])];
    }

    private static double[] Product(ReadOnlySpan<float> matrix, int rows, double[] x)
    {
        var y = new double[rows];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < x.Length; c++)
            {
                y[r] += matrix[(r * x.Length) + c] * x[c];
            }
        }

        return y;
    }

    private static void Add(double[] x, double[] y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] += y[i];
        }
    }

    private static double[] Widen(ReadOnlySpan<float> values)
    {
        var wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }
}
