using FedLLM.Cli.Hosting;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli;

/// <summary>The whole program, for a host that brings devices of its own.</summary>
public static class FedllmProgram
{
    /// <summary>Runs the command line on this process's console and returns the exit code.</summary>
    /// <param name="args">The arguments behind the program's name.</param>
    /// <param name="devices">The devices there are; the CPU engine alone by default.</param>
    /// <param name="tokenizers">Loads the tokenizers of models; <see cref="TokenizerDirectory"/> by default.</param>
    public static async Task<int> RunAsync(string[] args, ILearnerDevices? devices = null, TokenizerLoader? tokenizers = null)
    {
        using var interruption = Interruption.Listen();
        Terminal terminal = Terminal.OfProcess();
        terminal = terminal with { Devices = devices ?? terminal.Devices, Tokenizers = tokenizers ?? terminal.Tokenizers };
        return await CommandLine.RunAsync(args, terminal, interruption.Token).ConfigureAwait(false);
    }
}
