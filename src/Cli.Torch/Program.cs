using FedLLM.Cli;
using FedLLM.Cli.Torch;
using FedLLM.Engine.Tokenizers;

return await FedllmProgram.RunAsync(args, new TorchDevices(), RankFileDirectory.Load);
