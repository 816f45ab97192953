using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Torch.Autograd;
using FedLLM.Engine.Torch.Weights;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Tests.Weights;

/// <summary>Quantised matrices against a scalar reference, and models on them against the CPU engine on the dequantised weights.</summary>
public sealed class QuantizationTests
{
    // 3·85 = 255 elements: three blocks of 64, and one that is not full.
    private const int Rows = 3;
    private const int Columns = 85;

    public static TheoryData<WeightQuantization> Both() => [WeightQuantization.Int8, WeightQuantization.Nf4];

    [Fact]
    public void Levels_AreQuantilesOfTheNormalDistribution()
    {
        // QLoRA, app. E: 8 quantiles above 0 and 7 below, evenly spaced in probability from the offset to a half, and 0; scaled by the largest.
        const double Offset = 0.9677083;
        double[] positive = [.. Enumerable.Range(0, 8).Select(i => Quantile(Offset + ((0.5 - Offset) * i / 8)))];
        double[] negative = [.. Enumerable.Range(0, 7).Select(i => -Quantile(Offset + ((0.5 - Offset) * i / 7)))];
        double[] expected = [.. positive.Append(0).Concat(negative).Select(v => v / positive[0]).Order()];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], Nf4Matrix.Levels[i], 1e-6);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Dense_IsTheScalarReference(WeightQuantization quantization)
    {
        NativeLibraryOfTorch.Require();
        foreach (float[] values in (float[][])[Uniform(1), Uniform(1e-6f), new float[Rows * Columns], Ties(), Outlier()])
        {
            Assert.Equal(Reference(quantization, values, Columns), Dequantized(quantization, values, Rows, Columns));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Dense_ManyBlocks_IsTheScalarReference(WeightQuantization quantization)
    {
        NativeLibraryOfTorch.Require();
        const int Wide = 4100; // 4100·4100 elements are more than are quantised at a time
        float[] values = [.. Enumerable.Range(0, Wide * Wide).Select(i => ((i * 2654435761L) & 0xFFFF) / 65536f * (1 + (i % 7)))];
        Assert.Equal(Reference(quantization, values, Wide), Dequantized(quantization, values, Wide, Wide));
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Step_AgreesWithTheCpuEngineOnTheDequantizedWeights(WeightQuantization quantization)
    {
        TorchDevice device = NativeLibraryOfTorch.Require();
        ModelConfig config = TinyModel.Config(ModelFamily.Qwen2);
        DecoderWeights weights = TinyModel.Random(config);
        using var cpu = new CpuLearner(Dequantized(quantization, weights));
        using var torch = new TorchLearner(weights, device, quantization);
        using var dense = new TorchLearner(weights, device);
        StepResult[] expected = Train(cpu, config, checkpointing: false);
        StepResult[] ours = Train(torch, config, checkpointing: false);
        StepResult[] again = Train(torch, config, checkpointing: true);
        StepResult[] unquantized = Train(dense, config, checkpointing: false);
        for (int step = 0; step < expected.Length; step++)
        {
            Assert.Equal(1, ours[step].Loss / expected[step].Loss, 1e-5);
            Assert.Equal(1, ours[step].GradientNorm / expected[step].GradientNorm, 1e-3);
            Assert.Equal(ours[step].Loss, again[step].Loss);
            Assert.Equal(ours[step].GradientNorm, again[step].GradientNorm);
            Assert.NotEqual(1, ours[step].Loss / unquantized[step].Loss, 1e-5);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Product_GradientIsOfTheDequantizedWeights(WeightQuantization quantization)
    {
        NativeLibraryOfTorch.Require();
        using IDisposable scope = NewDisposeScope();
        using TorchMatrix matrix = TorchMatrix.Of(rand(24, 40), quantization);
        using var guard = new BackwardGuard(CPU, ScalarType.Float32);
        Tensor x = rand([5, 40], requires_grad: true);
        Tensor y = FrozenProduct.Apply(x, new TorchLinear(matrix, rand(24)), guard);
        Tensor gradient = rand(5, 24);
        autograd.backward([y], [gradient]);
        guard.ThrowIfFailed();
        Assert.True(gradient.matmul(matrix.Dense(ScalarType.Float32)).allclose(x.grad!, 1e-5, 1e-6));
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Product_ManyInOneGraph_KeepNoDenseWeights(WeightQuantization quantization)
    {
        NativeLibraryOfTorch.Require();
        const int Size = 3072; // 36 MiB: beyond 32 the C library gives memory back as soon as it is free, so that the process's size tells what is held
        const int Products = 12;
        using IDisposable scope = NewDisposeScope();
        using TorchMatrix matrix = TorchMatrix.Of(rand(Size, Size), quantization);
        using var guard = new BackwardGuard(CPU, ScalarType.Float32);
        var linear = new TorchLinear(matrix, null);
        long dense = Size * Size * sizeof(float);

        // Torch's own product holds the dense copy in its graph; ours does not. What else the process gives back meanwhile is far less than half of the copies.
        long ours = Growth(x => FrozenProduct.Apply(x, linear, guard));
        Assert.InRange(Growth(x => nn.functional.linear(x, matrix.Dense(x.dtype))) - ours, Products / 2 * dense, long.MaxValue);

        long Growth(Func<Tensor, Tensor> product)
        {
            using IDisposable inner = NewDisposeScope();
            Tensor x = rand([1, Size], requires_grad: true);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long before = Environment.WorkingSet;
            for (int i = 0; i < Products; i++)
            {
                using IDisposable one = NewDisposeScope();
                x = product(x).MoveToOuterDisposeScope();
            }

            return Environment.WorkingSet - before;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Both))]
    public void Corrected_QuantizedBase_AddsToTheDequantizedWeights(WeightQuantization quantization)
    {
        TorchDevice device = NativeLibraryOfTorch.Require();
        ModelConfig config = TinyModel.Config();
        DecoderWeights weights = TinyModel.Random(config);
        TensorSet correction = TinyModel.Adapter(config, TinyModel.AllLinears()).Parameters;
        using var torch = new TorchLearner(weights, device, quantization);
        using var cpu = new CpuLearner(Dequantized(quantization, weights));
        using ILearner ours = torch.Corrected(correction, 1);
        using ILearner expected = cpu.Corrected(correction, 1);
        Assert.Equal(Score(expected, config), Score(ours, config), 1e-3);
    }

    // The element nearest by distance, computed one by one.
    private static float[] Reference(WeightQuantization quantization, float[] values, int columns)
    {
        float[] result = new float[values.Length];
        int group = quantization == WeightQuantization.Int8 ? columns : Nf4Matrix.BlockSize;
        for (int first = 0; first < values.Length; first += group)
        {
            int end = Math.Min(first + group, values.Length);
            float largest = Enumerable.Range(first, end - first).Max(i => Math.Abs(values[i]));
            for (int i = first; i < end && largest > 0; i++)
            {
                if (quantization == WeightQuantization.Int8)
                {
                    float scale = largest / 127;
                    result[i] = MathF.Round(values[i] / scale, MidpointRounding.ToEven) * scale;
                }
                else
                {
                    float wanted = values[i] / largest;
                    int level = 0;
                    while (level < 15 && wanted > (Nf4Matrix.Levels[level] + Nf4Matrix.Levels[level + 1]) / 2)
                    {
                        level++;
                    }

                    result[i] = Nf4Matrix.Levels[level] * largest;
                }
            }
        }

        return result;
    }

    private static float[] Dequantized(WeightQuantization quantization, float[] values, int rows, int columns)
    {
        using IDisposable scope = NewDisposeScope();
        using TorchMatrix matrix = TorchMatrix.Of(tensor(values).view(rows, columns), quantization);
        return matrix.Dense(ScalarType.Float32).data<float>().ToArray();
    }

    private static DecoderWeights Dequantized(WeightQuantization quantization, DecoderWeights weights) =>
        TinyModel.WithMatrices(weights, l => new WeightMatrix(Reference(quantization, l.Weight.Single, l.InSize)));

    private static StepResult[] Train(ILearner learner, ModelConfig config, bool checkpointing)
    {
        using ILearnerSession session = learner.Open(1);
        LoraConfig lora = TinyModel.AllLinears();
        var lane = SingleLane.Supervised(session, lora, new AdamWSettings(), checkpointing);
        lane.Start(TinyModel.Adapter(config, lora).Parameters);
        return [.. Enumerable.Range(0, 3).Select(step => lane.Step([[TinyModel.Sequence(config, 9, (ulong)step), TinyModel.Sequence(config, 5, (ulong)(step + 50))]], new StepSettings(1e-3, Step: step)))];
    }

    private static double Score(ILearner learner, ModelConfig config)
    {
        using ILearnerSession session = learner.Open(1);
        return session.Model(null).Score([TinyModel.Sequence(config, 12, 3)])[0].LogProbability;
    }

    private static float[] Uniform(float scale)
    {
        var random = new CounterRandom(7, RandomPurpose.DataGeneration);
        return [.. Enumerable.Range(0, Rows * Columns).Select(i => (float)(scale * ((2 * random.Uniform((ulong)i)) - 1)))];
    }

    // Elements at the middle between two levels of either kind, and at the levels.
    private static float[] Ties()
    {
        float[] levels = [.. Nf4Matrix.Levels, .. Nf4Matrix.Levels.Zip(Nf4Matrix.Levels.Skip(1), (a, b) => (a + b) / 2), .. Enumerable.Range(-127, 254).Select(i => (i + 0.5f) / 127)];
        return [.. Enumerable.Range(0, Rows * Columns).Select(i => levels[i % levels.Length])];
    }

    private static float[] Outlier()
    {
        float[] values = Uniform(1e-3f);
        values[70] = -50;
        return values;
    }

    // x with P(X <= x) = p for a standard normal X: Newton on the error function's Maclaurin series.
    private static double Quantile(double p)
    {
        double x = 0;
        for (int i = 0; i < 60; i++)
        {
            double term = x;
            double sum = x;
            for (int n = 1; n < 100; n++)
            {
                term *= -x * x / (2 * n);
                sum += term / ((2 * n) + 1);
            }

            x -= (0.5 + (sum / Math.Sqrt(2 * Math.PI)) - p) / (Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
        }

        return x;
    }
}
