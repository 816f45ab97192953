using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Data.Templates;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Running;
using FedLLM.Numerics;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm generate</c>: continues a prompt with a model and an adapter.</summary>
internal static class GenerateCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Option<string> model = CommandOptions.Model();
        Option<string?> adapter = CommandOptions.Adapter();
        var prompt = new Option<string>("--prompt") { Description = "The text to continue.", HelpName = "TEXT", Required = true };
        Option<long?> maxNewTokens = CommandOptions.Integer("--max-new-tokens", "Most tokens to add.", 1, int.MaxValue, 64);
        Option<double> temperature = CommandOptions.NotNegative("--temperature", "0 takes the likeliest token; above, tokens are drawn.", 0);
        Option<long?> seed = CommandOptions.Integer("--seed", "Seed of the draws.", 0, long.MaxValue, 0);
        Option<PromptTemplate?> template = CommandOptions.Template("Put the prompt, as an instruction, into this frame.", null);
        Option<bool> json = CommandOptions.Json();
        var command = new Command("generate", "Continue a prompt with a model, with or without an adapter.")
        {
            model, adapter, prompt, maxNewTokens, temperature, seed, template, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string text = parsed.GetRequiredValue(prompt);
            text = parsed.GetValue(template)?.GenerationPrompt(text) ?? text;
            var settings = new GenerationSettings(
                (int)parsed.GetValue(maxNewTokens)!.Value, parsed.GetValue(temperature), (ulong)parsed.GetValue(seed)!.Value);
            TextContinuation result = await Task.Run(
                () => Generate(parsed.GetRequiredValue(model), parsed.GetValue(adapter), text, settings), cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            Write(terminal, result, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static TextContinuation Generate(string modelPath, string? adapterPath, string text, GenerationSettings settings)
    {
        DecoderWeights weights = ModelDirectory.Load(modelPath);
        ITokenizer tokenizer = PreparedExperiment.LoadTokenizer(modelPath, weights.Config);
        LoraAdapter? adapter = adapterPath is null ? null : LoadAdapter(adapterPath, weights.Config);
        using var workers = new Workers(Environment.ProcessorCount);
        try
        {
            return TextContinuation.Generate(new LanguageModel(weights, adapter, workers), tokenizer, text, settings);
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"--prompt: {e.Message}");
        }
    }

    /// <summary>Loads an adapter that fits <paramref name="model"/>.</summary>
    internal static LoraAdapter LoadAdapter(string path, ModelConfig model)
    {
        PeftAdapter loaded = PeftAdapter.Load(path, model);
        return new LoraAdapter(model, loaded.Config, loaded.Tensors);
    }

    private static void Write(Terminal terminal, TextContinuation result, bool json)
    {
        if (!json)
        {
            terminal.Out.WriteLine(result.Text);
            return;
        }

        JsonResult.Write(terminal.Out, document =>
        {
            document.WriteString("text", result.Text);
            document.WriteNumber("prompt_tokens", result.PromptTokens);
            document.WriteStartArray("ids");
            foreach (int id in result.Ids)
            {
                document.WriteNumberValue(id);
            }

            document.WriteEndArray();
            document.WriteString("ended_by", result.Ended ? "end_of_sequence" : "max_new_tokens");
        });
    }
}
