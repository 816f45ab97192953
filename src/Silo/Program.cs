using FedLLM.Silo.Hosting;

return await SiloHost.RunAsync(args);
