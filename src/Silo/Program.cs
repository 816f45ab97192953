using FedLLM.Silo.Hosting;
using Microsoft.Extensions.Hosting;

try
{
    using IHost host = SiloHost.Build(args);
    await host.RunAsync();
    return 0;
}
catch (SiloSettingsException wrong)
{
    await Console.Error.WriteLineAsync(wrong.Message);
    return 2;
}
