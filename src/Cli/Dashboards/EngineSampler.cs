using FedLLM.Dashboard.Feed;
using FedLLM.Data.Templates;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Running;
using FedLLM.Numerics;

namespace FedLLM.Cli.Dashboards;

/// <summary>
/// Answers prompts with the engine, in this process: one request at a time, half of the processors, one base model in memory besides that of a run.
/// </summary>
/// <param name="prepared">The run of this process, whose base model is used where it is the one asked for; or null.</param>
internal sealed class EngineSampler(PreparedExperiment? prepared) : ISampler, IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private (string Path, DecoderWeights Weights, ITokenizer Tokenizer)? _loaded =
        prepared is null ? null : (prepared.Experiment.Model.Path, prepared.Weights, prepared.Tokenizer);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> AnswerAsync(
        RunView run, string prompt, IReadOnlyList<AdapterFiles?> adapters, int maxNewTokens, CancellationToken cancellationToken)
    {
        if (!await _one.WaitAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
        {
            throw new SamplingException("Another prompt is being answered. Ask again in a moment.") { IsBusy = true };
        }

        try
        {
            return await Task.Run(() => Answer(run, prompt, adapters, maxNewTokens, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InputFileException or IOException or UnauthorizedAccessException or ArgumentException or ArithmeticException)
        {
            throw new SamplingException(e.Message, e);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private List<string> Answer(
        RunView run, string prompt, IReadOnlyList<AdapterFiles?> adapters, int maxNewTokens, CancellationToken cancellationToken)
    {
        string path = run.Setting("model.path") ?? throw new SamplingException("The run's experiment.yaml names no model.");
        if (_loaded is not { } model || model.Path != path)
        {
            _loaded = null; // two models at a time would be one too many
            DecoderWeights weights = ModelDirectory.Load(path);
            model = (path, weights, PreparedExperiment.LoadTokenizer(path, weights.Config));
            _loaded = model;
        }

        string template = run.Setting("data.template") ?? PromptTemplate.Alpaca.Name;
        string framed = (PromptTemplate.All.FirstOrDefault(t => t.Name == template) ?? PromptTemplate.Alpaca).GenerationPrompt(prompt);
        using var workers = new Workers(Math.Max(1, Environment.ProcessorCount / 2));
        var answers = new List<string>();
        foreach (AdapterFiles? adapter in adapters)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var language = new LanguageModel(model.Weights, adapter is null ? null : Load(adapter, model.Weights.Config), workers);
            answers.Add(TextContinuation.Generate(language, model.Tokenizer, framed, new GenerationSettings(maxNewTokens)).Text);
        }

        return answers;
    }

    // The reader of adapters wants PEFT's folder; a checkpoint's adapter lies elsewhere under another name.
    private static LoraAdapter Load(AdapterFiles files, ModelConfig model)
    {
        string folder = Directory.CreateTempSubdirectory("fedllm-adapter-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "adapter_config.json"), files.Config);
            using (FileStream copy = File.Create(Path.Combine(folder, "adapter_model.safetensors")))
            {
                files.Weights.CopyTo(copy);
            }

            PeftAdapter adapter = PeftAdapter.Load(folder, model);
            return new LoraAdapter(model, adapter.Config, adapter.Tensors);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
