using System.CommandLine;
using System.Globalization;
using FedLLM.Cli.Dashboards;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Data.Examples;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Numerics;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm demo</c>: the whole story on the data and the tiny base model that travel with the program.</summary>
internal static class DemoCommand
{
    private const int MaxNewTokens = 40;

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var output = new Option<string?>("--out") { Description = "The run directory. Default: a new one, runs/demo or runs/demo-N.", HelpName = "DIR" };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("demo", "Show the whole story on the data and the tiny base model that the project ships.") { output, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            DemoResult result = await RunAsync(terminal, parsed.GetValue(output) ?? FreeDirectory(), cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                DemoReport.WriteJson(terminal.Out, result);
            }
            else
            {
                DemoReport.Write(terminal.Out, terminal.OutIsScreen, result);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<DemoResult> RunAsync(Terminal terminal, string directory, CancellationToken cancellationToken)
    {
        // 1. Read the experiment that travels with the program, its tiny base model and its clients' data.
        Experiment experiment = ExperimentFile.Read(Path.Combine(AppContext.BaseDirectory, "configs", "demo.yaml"));
        PreparedExperiment prepared = await Task.Run(() => PreparedExperiment.Prepare(experiment, null, cancellationToken, terminal.Devices, terminal.Tokenizers), cancellationToken)
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        DeviceOptions.Tell(terminal, prepared.Device, prepared.Learner.Numerics);
        terminal.Error.WriteLine($"{prepared.Shards.Clients} clients hold instruction data that is not shared, each mostly of one or two kinds:");
        ShardTable.Write(terminal.Error, terminal.ErrorIsScreen, prepared.Reports);

        // 2. Train one adapter federatedly.
        terminal.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Federated: {experiment.Federation.Rounds} rounds, {experiment.Federation.CohortOf(prepared.Shards.Clients)} clients each, {experiment.Training.MaxSteps} steps a client."));
        using var control = new RunControl(cancellationToken);
        RunResult run = await RunCommand.FollowAsync(terminal, prepared, directory, control).ConfigureAwait(false);

        // 3. For comparison, every client alone with as many optimizer steps as the whole federation.
        terminal.Error.WriteLine($"Alone: every client by itself, {new LocalBaseline(prepared, terminal.Clock).Steps} steps each.");
        int done = 0;
        void Finished(int client)
        {
            int count = Interlocked.Increment(ref done);
            if (count % 5 == 0)
            {
                terminal.Error.WriteLine($"client {count}/{prepared.Shards.Clients} done alone");
            }
        }

        LocalComparison comparison = await Task.Run(
            () => LocalComparison.MeasureAsync(prepared, run.Adapter, terminal.Clock, Finished, cancellationToken), cancellationToken).ConfigureAwait(false);

        // 4. What the model writes before and after, for held-out instructions.
        return new DemoResult(prepared, run, comparison, Generations(prepared, run.Adapter));
    }

    private static List<DemoGeneration> Generations(PreparedExperiment prepared, TensorSet adapter)
    {
        using ILearnerSession session = prepared.Learner.Open(1);
        ILanguageModel model = session.Model(null);
        var trained = new LoraAdapter(prepared.Weights.Config, prepared.Experiment.Lora.ToConfig(), adapter);
        var settings = new GenerationSettings(MaxNewTokens);
        var generations = new List<DemoGeneration>();
        string showcase = Path.Combine(prepared.Experiment.Data.Path!, "showcase.jsonl");
        foreach (InstructionExample example in new ExampleReader().Read(showcase).OfType<InstructionExample>())
        {
            string prompt = prepared.Experiment.Data.Template.GenerationPrompt(example.Instruction);
            model.Adapter = null;
            string before = TextContinuation.Generate(model, prepared.Tokenizer, prompt, settings).Text;
            model.Adapter = trained;
            string after = TextContinuation.Generate(model, prepared.Tokenizer, prompt, settings).Text;
            generations.Add(new DemoGeneration(example.Instruction, example.Response, OnOneLine(before), OnOneLine(after)));
        }

        return generations;
    }

    private static string OnOneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static string FreeDirectory()
    {
        string first = Path.Combine("runs", "demo");
        return Directory.Exists(first)
            ? Enumerable.Range(2, int.MaxValue - 2).Select(n => $"{first}-{n}").First(path => !Directory.Exists(path))
            : first;
    }
}
