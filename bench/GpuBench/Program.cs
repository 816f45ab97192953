using FedLLM.Benchmarks.Gpu;

return args switch
{
    ["write", _, ..] => WriteCommand.Run(args[1..]),
    ["turns", _, ..] => TurnsCommand.Run(args[1..]),
    ["rate", ..] => RateCommand.Run(args),
    ["soak", ..] => SoakCommand.Run(args),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: fedllm-gpu-bench write FOLDER … | turns FOLDER … | rate … | soak … (run.py calls it; see bench/gpu/README.md)");
    return 2;
}
