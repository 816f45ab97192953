using FedLLM.Dashboard.Feed;
using FedLLM.Data.Templates;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;

namespace FedLLM.Cli.Dashboards;

/// <summary>
/// Answers prompts in this process: one request at a time, half of the processors, one base model in memory besides that of a run.
/// </summary>
/// <param name="prepared">The run of this process, whose base model is used where it is the one asked for; or null.</param>
/// <param name="device">Where other models compute.</param>
/// <param name="tokenizers">Loads other models' tokenizers.</param>
internal sealed class EngineSampler(PreparedExperiment? prepared, LearnerDevice device, TokenizerLoader tokenizers) : ISampler, IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private (string Path, ILearner Learner, ITokenizer Tokenizer)? _loaded;

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
        catch (Exception e) when (e is InputFileException or IOException or UnauthorizedAccessException or ArgumentException or ArithmeticException
            or InsufficientMemoryException or DeviceFailedException)
        {
            throw new SamplingException(e.Message, e);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _loaded?.Learner.Dispose();
        _one.Dispose();
    }

    private List<string> Answer(
        RunView run, string prompt, IReadOnlyList<AdapterFiles?> adapters, int maxNewTokens, CancellationToken cancellationToken)
    {
        string path = run.Setting("model.path") ?? throw new SamplingException("The run's experiment.yaml names no model.");
        (ILearner learner, ITokenizer tokenizer) = Model(path);
        string template = run.Setting("data.template") ?? PromptTemplate.Alpaca.Name;
        string framed = (PromptTemplate.All.FirstOrDefault(t => t.Name == template) ?? PromptTemplate.Alpaca).GenerationPrompt(prompt);
        using ILearnerSession session = learner.Open(Math.Max(1, Environment.ProcessorCount / 2));
        ILanguageModel language = session.Model(null);
        var answers = new List<string>();
        foreach (AdapterFiles? adapter in adapters)
        {
            cancellationToken.ThrowIfCancellationRequested();
            language.Adapter = adapter is null ? null : Load(adapter, learner.Model);
            answers.Add(TextContinuation.Generate(language, tokenizer, framed, new GenerationSettings(maxNewTokens)).Text);
        }

        return answers;
    }

    private (ILearner Learner, ITokenizer Tokenizer) Model(string path)
    {
        if (path == prepared?.Experiment.Model.Path)
        {
            return (prepared.Learner, prepared.Tokenizer);
        }

        if (_loaded is not { } loaded || loaded.Path != path)
        {
            _loaded?.Learner.Dispose();
            _loaded = null; // two models at a time would be one too many
            DecoderWeights weights = ModelDirectory.Load(path);
            loaded = (path, device.Load(weights, WeightQuantization.None), PreparedExperiment.LoadTokenizer(path, weights.Config, tokenizers));
            _loaded = loaded;
        }

        return (loaded.Learner, loaded.Tokenizer);
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
