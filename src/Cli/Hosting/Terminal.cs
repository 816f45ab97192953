using System.Text;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Hosting;

/// <summary>Where a command reads its surroundings and writes: results to <see cref="Out"/>, progress and errors to <see cref="Error"/>.</summary>
internal sealed record Terminal
{
    /// <summary>Results.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Progress and errors.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether <see cref="Out"/> is shown on a screen.</summary>
    public bool OutIsScreen { get; init; }

    /// <summary>Whether <see cref="Error"/> is a screen on which bars can move.</summary>
    public bool ErrorIsScreen { get; init; }

    /// <summary>Whether stack traces are wanted (<c>FEDLLM_DEBUG=1</c>).</summary>
    public bool Debug { get; init; }

    /// <summary>The clock of progress and of runs.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The devices that commands compute on.</summary>
    public ILearnerDevices Devices { get; init; } = CpuDevices.OfThisMachine();

    /// <summary>Loads the tokenizers of models.</summary>
    public TokenizerLoader Tokenizers { get; init; } = TokenizerDirectory.Load;

    /// <summary>Returns this process's console: UTF-8 without a byte-order mark.</summary>
    public static Terminal OfProcess()
    {
        if (Console.OutputEncoding.CodePage != Encoding.UTF8.CodePage)
        {
            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        }

        bool dumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
        return new Terminal
        {
            Out = Console.Out,
            Error = Console.Error,
            OutIsScreen = !Console.IsOutputRedirected && !dumb,
            ErrorIsScreen = !Console.IsErrorRedirected && !dumb,
            Debug = Environment.GetEnvironmentVariable("FEDLLM_DEBUG") == "1",
        };
    }
}
