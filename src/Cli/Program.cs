using FedLLM.Cli;

return await FedllmProgram.RunAsync(args);
