using FedLLM.Benchmarks;
using FedLLM.Benchmarks.Checkpoints;
using FedLLM.Benchmarks.Training;

// One file a command; each takes the arguments after its name and returns the exit code.
var commands = new Dictionary<string, Func<string[], int>>(StringComparer.Ordinal)
{
    ["gemm"] = GemmCommand.Run,
    ["train"] = TrainCommand.Run,
    ["peers"] = PeersCommand.Run,
    ["turns"] = TurnsCommand.Run,
    ["compare"] = CompareCommand.Run,
    ["algorithms"] = AlgorithmsCommand.Run,
    ["aggregation"] = AggregationCommand.Run,
    ["clients"] = ClientsCommand.Run,
    ["overhead"] = OverheadCommand.Run,
    ["kills"] = KillsCommand.Run,
    ["interrupts"] = InterruptsCommand.Run,
    ["checkpoints"] = CheckpointsCommand.Run,
    ["pages"] = PagesCommand.Run,
};

if (args.Length > 0 && commands.TryGetValue(args[0], out Func<string[], int>? command))
{
    return command(args[1..]);
}

Console.Error.WriteLine($"usage: dotnet run -c Release --project bench/Benchmarks -- {string.Join('|', commands.Keys.Order(StringComparer.Ordinal))} [--out FILE]");
return 2;
