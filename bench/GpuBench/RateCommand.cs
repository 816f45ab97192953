using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedLLM.Engine.Torch;
using static TorchSharp.torch;

namespace FedLLM.Benchmarks.Gpu;

/// <summary>
/// <c>rate --device cuda|cpu --dtype bfloat16|float32 [--size N]</c>: how many operations a second the device does in a product of two square matrices, the best of ten
/// (a multiply-add counts two). It is the rate that training is held against.
/// </summary>
internal static class RateCommand
{
    private const int Times = 10;

    /// <summary>Measures and prints a line of JSON.</summary>
    public static int Run(string[] args)
    {
        TorchDevice device = TurnsCommand.Device(args);
        int size = int.Parse(Arguments.Option(args, "--size") ?? (device.IsGpu ? "8192" : "1024"), CultureInfo.InvariantCulture);
        Device where = device.IsGpu ? CUDA : CPU;
        ScalarType type = Arguments.Option(args, "--dtype") == "float32" ? ScalarType.Float32 : ScalarType.BFloat16;
        using IDisposable scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        Tensor a = rand([size, size], device: where).to(type);
        Tensor b = rand([size, size], device: where).to(type);
        double shortest = double.PositiveInfinity;
        for (int i = 0; i <= Times; i++)
        {
            Synchronize(device);
            long start = Stopwatch.GetTimestamp();
            using Tensor product = a.matmul(b);
            Synchronize(device);
            shortest = i == 0 ? shortest : Math.Min(shortest, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        Console.WriteLine(JsonSerializer.Serialize(new { operations_per_second = 2.0 * size * size * size / shortest, size }));
        return 0;
    }

    private static void Synchronize(TorchDevice device)
    {
        if (device.IsGpu)
        {
            cuda.synchronize();
        }
    }
}
