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
        Option<string> model = CommonOptions.Model();
        Option<string?> adapter = CommonOptions.Adapter();
        var prompt = new Option<string>("--prompt") { Description = "The text to continue.", HelpName = "TEXT", Required = true };
        Option<long?> maxNewTokens = CommonOptions.Integer("--max-new-tokens", "Most tokens to add.", 1, int.MaxValue, 64);
        Option<double> temperature = CommonOptions.NotNegative("--temperature", "0 takes the likeliest token; above, tokens are drawn.", 0);
        Option<long?> seed = CommonOptions.Integer("--seed", "Seed of the draws.", 0, long.MaxValue, 0);
        Option<PromptTemplate?> template = CommonOptions.Template("Put the prompt, as an instruction, into this frame.", null);
        Option<bool> json = CommonOptions.Json();
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
            Continuation result = await Task.Run(
                () => Generate(parsed.GetRequiredValue(model), parsed.GetValue(adapter), text, settings), cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            Write(terminal, result, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static Continuation Generate(string modelPath, string? adapterPath, string text, GenerationSettings settings)
    {
        DecoderWeights weights = ModelDirectory.Load(modelPath);
        ITokenizer tokenizer = PreparedExperiment.LoadTokenizer(modelPath, weights.Config);
        LoraAdapter? adapter = adapterPath is null ? null : LoadAdapter(adapterPath, weights.Config);
        var prompt = new List<int>();
        if (tokenizer is { AddsBeginOfSequence: true, BeginOfSequenceId: { } begin })
        {
            prompt.Add(begin);
        }

        prompt.AddRange(tokenizer.Encode(text).Select(t => t.Id));
        if (prompt.Count == 0)
        {
            throw new UsageException("--prompt gives no token, and this tokenizer adds no begin-of-sequence. Give a text");
        }

        if (prompt.Count >= weights.Config.MaxPositions)
        {
            throw new UsageException(
                $"--prompt has {prompt.Count} tokens, and the model has {weights.Config.MaxPositions} positions: no room for a new token. Shorten the prompt");
        }

        HashSet<int> stops = [.. weights.Config.EndOfSequenceIds];
        if (tokenizer.EndOfSequenceId is { } end)
        {
            stops.Add(end);
        }

        using var workers = new Workers(Environment.ProcessorCount);
        int[] promptIds = [.. prompt];
        IReadOnlyList<int> generated = TextGeneration.Generate(new LanguageModel(weights, adapter, workers), promptIds, settings, stops);
        return new Continuation(Continued(tokenizer, prompt, generated), prompt.Count, generated, stops.Contains(generated[^1]));
    }

    /// <summary>Loads an adapter that fits <paramref name="model"/>.</summary>
    internal static LoraAdapter LoadAdapter(string path, ModelConfig model)
    {
        PeftAdapter loaded = PeftAdapter.Load(path, model);
        return new LoraAdapter(model, loaded.Config, loaded.Tensors);
    }

    // The text that generation adds to the prompt's. Decoded alone it would lack the space that some tokenizers take from a text's beginning, and a
    // character whose bytes lie on both sides would be lost.
    private static string Continued(ITokenizer tokenizer, List<int> prompt, IReadOnlyList<int> generated)
    {
        // An embedding may have more rows than the tokenizer has tokens; such an id has no text.
        int[] known = [.. generated.Where(id => id < tokenizer.VocabularySize)];
        string before = tokenizer.Decode(prompt);
        string whole = tokenizer.Decode([.. prompt, .. known]);
        return whole.StartsWith(before, StringComparison.Ordinal) ? whole[before.Length..] : tokenizer.Decode(known);
    }

    private static void Write(Terminal terminal, Continuation result, bool json)
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

    private sealed record Continuation(string Text, int PromptTokens, IReadOnlyList<int> Ids, bool Ended);
}
