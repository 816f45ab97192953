using System.Diagnostics;
using System.Globalization;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>gemm [--out FILE] [--repeats N] [--only TEXT]</c>: matrix products by shape on one and two threads, against the fused-multiply-add peak of as many
/// threads at once. A product and its peak are measured one right after the other; a table shows the median of the rates and of these pairs' ratios,
/// so that a disturbance hits both alike.
/// </summary>
internal static class GemmCommand
{
    private enum Form
    {
        /// <summary>X·Wᵀ: a layer's forward product.</summary>
        Forward,

        /// <summary>dY·W: the gradient of a layer's input.</summary>
        InputGradient,

        /// <summary>The forward product with W in bfloat16.</summary>
        NarrowForward,

        /// <summary>The forward product with W put in order before, as a decoder keeps a frozen layer's.</summary>
        PackedForward,

        /// <summary>The gradient of a layer's input with W in bfloat16.</summary>
        NarrowInputGradient,

        /// <summary>Aᵀ·B: the gradient of a weight, summed over tokens.</summary>
        WeightGradient,
    }

    // Some 3 ms.
    private const int PeakIterations = 1_000_000;

    private static readonly Shape[] Shapes =
    [
        new("square, forward", Form.Forward, 1024, 1024, 1024),
        new("square, input gradient", Form.InputGradient, 1024, 1024, 1024),
        new("square, weight gradient", Form.WeightGradient, 1024, 1024, 1024),
        new("hidden 288: q, k, v, o", Form.Forward, 1024, 288, 288),
        new("hidden 288: gate, up", Form.Forward, 1024, 768, 288),
        new("hidden 288: down", Form.Forward, 1024, 288, 768),
        new("hidden 288: gate, up, input gradient", Form.InputGradient, 1024, 288, 768),
        new("hidden 288: down, input gradient", Form.InputGradient, 1024, 768, 288),
        new("hidden 288: head", Form.Forward, 1024, 32000, 288),
        new("hidden 288: head, input gradient", Form.InputGradient, 1024, 288, 32000),
        new("hidden 288: gate, up, weight gradient", Form.WeightGradient, 768, 288, 1024),
        new("bfloat16 W, hidden 288: gate, up", Form.NarrowForward, 1024, 768, 288),
        new("bfloat16 W, hidden 288: gate, up, input gradient", Form.NarrowInputGradient, 1024, 288, 768),
        new("LoRA r 8: x Aᵀ", Form.Forward, 1024, 8, 288),
        new("LoRA r 8: u Bᵀ", Form.Forward, 1024, 288, 8),
        new("LoRA r 8: gradient of A", Form.WeightGradient, 8, 288, 1024),
        new("LoRA r 8: gradient of B", Form.WeightGradient, 288, 8, 1024),
        new("stories260K: q, o", Form.Forward, 256, 64, 64),
        new("stories260K: k, v", Form.Forward, 256, 32, 64),
        new("stories260K: gate, up", Form.Forward, 256, 172, 64),
        new("stories260K: down", Form.Forward, 256, 64, 172),
        new("stories260K: head", Form.Forward, 256, 512, 64),
        new("packed W, hidden 288: q, k, v, o", Form.PackedForward, 1024, 288, 288),
        new("packed W, hidden 288: gate, up", Form.PackedForward, 1024, 768, 288),
        new("packed W, hidden 288: down", Form.PackedForward, 1024, 288, 768),
        new("packed W, stories260K: q, o", Form.PackedForward, 256, 64, 64),
        new("packed W, stories260K: k, v", Form.PackedForward, 256, 32, 64),
        new("packed W, stories260K: gate, up", Form.PackedForward, 256, 172, 64),
        new("packed W, stories260K: down", Form.PackedForward, 256, 64, 172),
        new("packed W, stories260K, Dolly, batch 16: q, o", Form.PackedForward, 3906, 64, 64),
        new("packed W, stories260K, Dolly, batch 16: k, v", Form.PackedForward, 3906, 32, 64),
        new("packed W, stories260K, Dolly, batch 16: gate, up", Form.PackedForward, 3906, 172, 64),
        new("packed W, stories260K, Dolly, batch 16: down", Form.PackedForward, 3906, 64, 172),
        new("generation, hidden 288: gate, up", Form.Forward, 1, 768, 288),
        new("generation, hidden 288: head", Form.Forward, 1, 32000, 288),
        new("generation, hidden 288: head, bfloat16 W", Form.NarrowForward, 1, 32000, 288),
        new("generation, hidden 288: head, 8 sequences", Form.Forward, 8, 32000, 288),
    ];

    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        int repeats = int.Parse(Arguments.Option(args, "--repeats") ?? "9", CultureInfo.InvariantCulture);
        Shape[] shapes = [.. Shapes.Where(s => s.Name.Contains(Arguments.Option(args, "--only") ?? "", StringComparison.Ordinal))];
        using var one = new Workers(1);
        using var two = new Workers(2);
        Workers[] teams = [one, two];
        var measured = new Samples[shapes.Length, 2];
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            for (int s = 0; s < shapes.Length; s++)
            {
                for (int team = 0; team < 2; team++)
                {
                    // The first turn warms caches, pages and compiled code and is thrown away.
                    double peak = Measure(() => FmaPeak.Run(teams[team], PeakIterations), teams[team].Count * PeakIterations * FmaPeak.OperationsPerIteration);
                    double rate = shapes[s].Measure(teams[team]);
                    measured[s, team] ??= new Samples();
                    if (repeat >= 0)
                    {
                        measured[s, team].Add(rate, peak);
                    }
                }
            }

            Console.Error.WriteLine(repeat < 0 ? "warmed up" : $"turn {repeat + 1} of {repeats}");
        }

        string table = Table(shapes, measured, repeats);
        Console.Write(table);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, table);
        }

        return 0;
    }

    private static string Table(Shape[] shapes, Samples[,] measured, int repeats)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Matrix products");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- gemm`, {Machine.Describe()}; median of {repeats} interleaved turns.");
        text.WriteLine(
            $"Peak of independent fused multiply-adds in registers, same run: {Peak(0):F1} GFLOP/s on one thread, {Peak(1):F1} GFLOP/s on two threads at the same time.");
        text.WriteLine("\"Of peak\" is the median of the ratios to the peak of as many threads, measured right before.");
        text.WriteLine();
        text.WriteLine("| Product | M x N x K | 1 thread, GFLOP/s | of peak | 2 threads, GFLOP/s | of peak of 2 |");
        text.WriteLine("|---|---|---:|---:|---:|---:|");
        for (int s = 0; s < shapes.Length; s++)
        {
            Shape shape = shapes[s];
            Samples single = measured[s, 0];
            Samples pair = measured[s, 1];
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {shape.Name} | {shape.M} x {shape.N} x {shape.K} | {single.Rate:F1} | {single.OfPeak:P0} | {pair.Rate:F1} | {pair.OfPeak:P0} |"));
        }

        return text.ToString();

        double Peak(int team) => Samples.Median(Enumerable.Range(0, shapes.Length).SelectMany(s => measured[s, team].Peaks));
    }

    // GFLOP/s by the clock.
    private static double Measure(Action action, double operations)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return operations / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
    }

    private sealed class Samples
    {
        private readonly List<double> _rates = [];
        private readonly List<double> _peaks = [];

        public double Rate => Median(_rates);

        public double OfPeak => Median(_rates.Zip(_peaks, (rate, peak) => rate / peak));

        public IEnumerable<double> Peaks => _peaks;

        public static double Median(IEnumerable<double> values)
        {
            double[] sorted = [.. values.Order()];
            return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        }

        public void Add(double rate, double peak)
        {
            _rates.Add(rate);
            _peaks.Add(peak);
        }
    }

    private sealed class Shape(string name, Form form, int m, int n, int k)
    {
        // Enough calls to last some 10 ms, so that the clocks' grain does not show.
        private readonly int _calls = (int)Math.Clamp(1e9 / (2.0 * m * n * k), 1, 2000);

        // Activations are aligned, as in training.
        private readonly AlignedBuffer _a = Aligned(Filled(m * k));
        private readonly float[] _b = Filled(n * k);
        private readonly ushort[] _narrowB = Narrowed(form, n * k);
        private readonly AlignedBuffer _packedB = Packed(form, n, k);
        private readonly AlignedBuffer _c = new(m * n);

        public string Name { get; } = name;

        public int M { get; } = m;

        public int N { get; } = n;

        public int K { get; } = k;

        public double Measure(Workers workers) => GemmCommand.Measure(() => Call(workers), 2.0 * M * N * K * _calls);

        private static AlignedBuffer Aligned(float[] values)
        {
            var buffer = new AlignedBuffer(values.Length);
            values.CopyTo(buffer.Span);
            return buffer;
        }

        private static float[] Filled(int length)
        {
            var random = new CounterRandom(1, RandomPurpose.DataGeneration, length);
            float[] values = new float[length];
            for (int i = 0; i < length; i++)
            {
                values[i] = (2 * random.Uniform((ulong)i)) - 1;
            }

            return values;
        }

        private static ushort[] Narrowed(Form form, int length)
        {
            ushort[] values = new ushort[form is Form.NarrowForward or Form.NarrowInputGradient ? length : 0];
            BFloat16.Narrow(Filled(values.Length), values);
            return values;
        }

        private static unsafe AlignedBuffer Packed(Form form, int n, int k)
        {
            var packed = new AlignedBuffer(form == Form.PackedForward ? (int)Gemm.PackedLength(n, k) : 0);
            if (packed.Length > 0)
            {
                fixed (float* b = Filled(n * k))
                {
                    Gemm.Pack(n, k, b, 1, k, packed.Pointer);
                }
            }

            return packed;
        }

        private void Call(Workers workers)
        {
            for (int call = 0; call < _calls; call++)
            {
                switch (form)
                {
                    case Form.Forward:
                        Gemm.MultiplyTransposed(workers, _a.Span, _b, _c.Span, M, N, K);
                        break;
                    case Form.InputGradient:
                        Gemm.Multiply(workers, _a.Span, _b, _c.Span, M, N, K);
                        break;
                    case Form.PackedForward:
                        MultiplyPacked(workers);
                        break;
                    case Form.NarrowForward:
                        MultiplyNarrow(workers, 1, K);
                        break;
                    case Form.NarrowInputGradient:
                        MultiplyNarrow(workers, N, 1);
                        break;
                    default:
                        Gemm.TransposedMultiply(workers, _a.Span, _b, _c.Span, M, N, K);
                        break;
                }
            }
        }

        private unsafe void MultiplyPacked(Workers workers) =>
            Gemm.MultiplyPacked(workers, M, N, K, _a.Pointer, K, 1, _packedB.Pointer, _c.Pointer, N, accumulate: false);

        private unsafe void MultiplyNarrow(Workers workers, nint bRow, nint bColumn)
        {
            fixed (ushort* b = _narrowB)
            {
                Gemm.Multiply(workers, M, N, K, _a.Pointer, K, 1, b, bRow, bColumn, _c.Pointer, N, accumulate: false);
            }
        }
    }
}
