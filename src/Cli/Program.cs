using FedLLM.Cli;
using FedLLM.Cli.Hosting;

using var interruption = Interruption.Listen();
return await CommandLine.RunAsync(args, Terminal.OfProcess(), interruption.Token);
