using FedLLM.Cli;
using FedLLM.Cli.Torch;

return await FedllmProgram.RunAsync(args, new TorchDevices());
