using System.Globalization;
using System.Text.Json;
using FedLLM.Benchmarks.Training;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch;

namespace FedLLM.Benchmarks.Gpu;

/// <summary>
/// <c>turns FOLDER --device cuda|cpu --dtype bfloat16|float32 --lanes N --threads N [--quantization none|int8|nf4] [--checkpointing]</c>: the Torch engine's side of a case,
/// in a process of its own. Trains a turn for every line of its input and prints a line of JSON for each, as bench/peers/peer.py does.
/// </summary>
internal static class TurnsCommand
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The device that <c>--device</c> names.</summary>
    public static TorchDevice Device(string[] args) => Arguments.Option(args, "--device") == "cuda" ? TorchDevice.Gpu() : TorchDevice.Cpu;

    /// <summary>Trains until the input ends.</summary>
    public static int Run(string[] args)
    {
        int Number(string name) => int.Parse(Arguments.Option(args, name)!, CultureInfo.InvariantCulture);
        TorchDevice device = Device(args);
        WeightQuantization quantization = Enum.Parse<WeightQuantization>(Arguments.Option(args, "--quantization") ?? "none", ignoreCase: true);
        WeightStorage storage = Enum.Parse<WeightStorage>(Arguments.Option(args, "--dtype")!, ignoreCase: true);
        using ITrainingSession session = CaseFolder.Open(
            args[0], storage, Number("--threads"), Number("--lanes"), weights => new TorchLearner(weights, device, quantization), args.Contains("--checkpointing"));
        Console.WriteLine(JsonSerializer.Serialize(new { Versions = $"FedLLM, {TorchLearner.NumericsVersion}, {device.Name}" }, Json));
        while (Console.ReadLine() is not null)
        {
            Console.WriteLine(JsonSerializer.Serialize(session.Turn(), Json));
        }

        return 0;
    }
}
