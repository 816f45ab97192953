using System.Globalization;
using System.Text.Json;
using FedLLM.Engine;
using FedLLM.Engine.Models;

namespace FedLLM.Benchmarks.Training;

/// <summary>
/// <c>turns FOLDER [--threads 2] [--lanes 1] [--storage Float32]</c>: our side of a case, in a process of its own. Trains a turn for every line of its input
/// and prints a line of JSON for each, as bench/peers/peer.py does.
/// </summary>
internal static class TurnsCommand
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Trains until the input ends.</summary>
    public static int Run(string[] args)
    {
        int threads = int.Parse(Arguments.Option(args, "--threads") ?? "2", CultureInfo.InvariantCulture);
        int lanes = int.Parse(Arguments.Option(args, "--lanes") ?? "1", CultureInfo.InvariantCulture);
        WeightStorage storage = Enum.Parse<WeightStorage>(Arguments.Option(args, "--storage") ?? nameof(WeightStorage.Float32));
        using ITrainingSession session = CaseFolder.Open(args[0], storage, threads, lanes);
        Console.WriteLine(JsonSerializer.Serialize(new { Versions = $"FedLLM, {NumericsVersion.Current}" }, Json));
        while (Console.ReadLine() is not null)
        {
            Console.WriteLine(JsonSerializer.Serialize(session.Turn(), Json));
        }

        return 0;
    }
}
