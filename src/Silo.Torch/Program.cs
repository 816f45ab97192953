using FedLLM.Silo.Hosting;
using FedLLM.Silo.Torch;

return await SiloHost.RunAsync(args, new TorchTrainingDevices());
