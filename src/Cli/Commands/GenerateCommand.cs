using System.CommandLine;
using System.CommandLine.Parsing;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Data.Templates;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Running;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm generate</c>: continues prompts with a model and an adapter.</summary>
internal static class GenerateCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Option<string> model = CommandOptions.Model();
        Option<string?> adapter = CommandOptions.Adapter();
        Option<string[]> prompt = CommandOptions.Texts("--prompt", "The text to continue.");
        var promptsFile = new Option<string?>("--prompts-file") { Description = "A file of prompts, one JSON string a line.", HelpName = "FILE" };
        Option<long?> maxNewTokens = CommandOptions.Integer("--max-new-tokens", "Most tokens to add.", 1, int.MaxValue, 64);
        Option<double> temperature = CommandOptions.NotNegative("--temperature", "0 takes the likeliest token; above, tokens are drawn.", 0);
        Option<long?> topK = CommandOptions.Integer("--top-k", "Draw among the N likeliest tokens.", 1, int.MaxValue);
        Option<double> topP = CommandOptions.Share("--top-p", "Draw among the likeliest tokens whose probabilities reach this sum.");
        Option<string[]> stop = CommandOptions.Texts("--stop", "End where the added text holds this; it is cut off.");
        Option<long?> seed = CommandOptions.Integer("--seed", "Seed of the draws.", 0, long.MaxValue, 0);
        Option<PromptTemplate?> template = CommandOptions.Template("Put each prompt, as an instruction, into this frame.", null);
        var device = new DeviceOptions();
        Option<bool> json = CommandOptions.Json();
        var command = new Command("generate", "Continue prompts with a model, with or without an adapter.")
        {
            model, adapter, prompt, promptsFile, maxNewTokens, temperature, topK, topP, stop, seed, template, json,
        };
        device.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(prompt) is { Implicit: false } == result.GetResult(promptsFile) is { Implicit: false })
            {
                result.AddError("one of --prompt and --prompts-file is required");
            }

            if (result.GetValue(stop)!.Contains(string.Empty))
            {
                result.AddError("--stop: an empty text is everywhere; give a text");
            }

            bool cut = Given(result, topK) || Given(result, topP);
            if (cut && result.GetValue(temperature) == 0)
            {
                result.AddError("--top-k and --top-p need a --temperature above 0");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string? file = parsed.GetValue(promptsFile);
            IReadOnlyList<string> prompts = file is null ? parsed.GetValue(prompt)! : PromptFile.Read(file);
            var request = new Request(
                parsed.GetRequiredValue(model), parsed.GetValue(adapter), file is null ? "--prompt" : "--prompts-file",
                [.. prompts.Select(text => parsed.GetValue(template)?.GenerationPrompt(text) ?? text)], parsed.GetValue(stop)!,
                new GenerationSettings((int)parsed.GetValue(maxNewTokens)!.Value, parsed.GetValue(temperature), (ulong)parsed.GetValue(seed)!.Value)
                {
                    TopK = (int)(parsed.GetValue(topK) ?? 0),
                    TopP = parsed.GetValue(topP),
                },
                device.Find(parsed, terminal));
            IReadOnlyList<TextContinuation> results = await Task.Run(() => Generate(request), cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (file is null && results.Count == 1)
            {
                WriteOne(terminal, results[0], parsed.GetValue(json));
            }
            else
            {
                WriteAll(terminal, results, parsed.GetValue(json));
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static bool Given(CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };

    private static IReadOnlyList<TextContinuation> Generate(Request request)
    {
        DecoderWeights weights = ModelDirectory.Load(request.Model);
        ITokenizer tokenizer = PreparedExperiment.LoadTokenizer(request.Model, weights.Config, request.Device.Terminal.Tokenizers);
        LoraAdapter? adapter = request.Adapter is null ? null : LoadAdapter(request.Adapter, weights.Config);
        using ILearner learner = request.Device.Load(weights);
        using ILearnerSession session = learner.Open(Environment.ProcessorCount);
        try
        {
            return TextContinuation.Generate(session.Model(adapter), tokenizer, request.Prompts, request.Settings, request.Stops);
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"{request.PromptOption}: {e.Message}");
        }
        catch (ArithmeticException e)
        {
            throw new InputFileException(
                request.Adapter ?? request.Model, null, $"the model's output is not made of numbers: {e.Message.TrimEnd('.')}", "Check the weights: they may come from a training that diverged", e);
        }
    }

    /// <summary>Loads an adapter that fits <paramref name="model"/>.</summary>
    internal static LoraAdapter LoadAdapter(string path, ModelConfig model)
    {
        PeftAdapter loaded = PeftAdapter.Load(path, model);
        return new LoraAdapter(model, loaded.Config, loaded.Tensors);
    }

    private static void WriteOne(Terminal terminal, TextContinuation result, bool json)
    {
        if (json)
        {
            JsonResult.Write(terminal.Out, document => ContinuationJson.WriteMembers(document, result));
        }
        else
        {
            terminal.Out.WriteLine(result.Text);
        }
    }

    private static void WriteAll(Terminal terminal, IReadOnlyList<TextContinuation> results, bool json)
    {
        if (json)
        {
            JsonResult.Write(terminal.Out, document => ContinuationJson.WriteList(document, results));
            return;
        }

        for (int i = 0; i < results.Count; i++)
        {
            terminal.Out.WriteLine($"== prompt {i + 1} ==");
            terminal.Out.WriteLine(results[i].Text);
        }
    }

    private sealed record Request(
        string Model, string? Adapter, string PromptOption, IReadOnlyList<string> Prompts, IReadOnlyList<string> Stops, GenerationSettings Settings,
        ChosenDevice Device);
}
