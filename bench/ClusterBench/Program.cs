using FedLLM.ClusterBench;

// dotnet run -c Release --project bench/ClusterBench -- kills [--kills N] [--seed N] | clients [--rounds N]
return args switch
{
    ["kills", ..] => await KillsCommand.RunAsync(args),
    ["clients", ..] => await ClientsCommand.RunAsync(args),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: kills [--kills N] [--seed N] | clients [--rounds N]");
    return 2;
}
