using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Engine;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Pretraining;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm pretrain</c>: makes a small base model from a text.</summary>
internal static class PretrainCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("CONFIG.yaml") { Description = "What to make." };
        var output = new Option<string>("--out") { Description = "The model directory to write.", HelpName = "DIR", Required = true };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("pretrain", "Make a small base model: tokenizer and full-parameter training on one text.") { file, output, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            PretrainConfig config = PretrainConfigFile.Read(parsed.GetRequiredValue(file));
            string directory = parsed.GetRequiredValue(output);
            var lines = new StepLines(terminal, config.BatchSize * config.SequenceLength);
            terminal.Error.WriteLine($"{config.Name}: {Figures.Count(config.Steps)} steps of {config.BatchSize} x {config.SequenceLength} tokens");
            DeviceOptions.Tell(terminal, Device(), NumericsVersion.Current);
            double loss = await Task.Run(
                () => Pretraining.Run(config, directory, Environment.ProcessorCount, lines.Show, terminal.Clock, cancellationToken),
                CancellationToken.None).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                JsonResult.Write(terminal.Out, document =>
                {
                    document.WriteString("model", Path.GetFullPath(directory));
                    document.WriteFinite("loss", loss);
                    document.WriteNumber("steps", config.Steps);
                });
            }
            else
            {
                Tables.WriteFacts(terminal.Out, ("model", directory), ("loss", Figures.Measure(loss)));
            }

            return ExitCode.Done;
        });
        return command;
    }

    // Full-parameter training is the CPU engine's alone.
    private static LearnerDevice Device() => LearnerDevice.Cpu(GpuPresence.Unused("pretrain computes with the CPU engine alone"));

    // A line for the last step, and of the others at most one every two seconds.
    private sealed class StepLines(Terminal terminal, int stepTokens)
    {
        private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
        private long? _last;

        public void Show(PretrainProgress progress)
        {
            if (progress.Step < progress.Steps && _last is { } last && terminal.Clock.GetElapsedTime(last) < Every)
            {
                return;
            }

            _last = terminal.Clock.GetTimestamp();
            double left = (progress.Steps - progress.Step) * (double)stepTokens / Math.Max(progress.TokensPerSecond, 1e-3);
            terminal.Error.WriteLine(
                $"step {progress.Step}/{progress.Steps}  train {Figures.Measure(progress.Loss)}  {Figures.Count(progress.TokensPerSecond)} tok/s  "
                + $"eta {Figures.Duration(TimeSpan.FromSeconds(left))}");
        }
    }
}
