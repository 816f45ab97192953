using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Running;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm evaluate</c>: measures a model, with or without an adapter, on a data file.</summary>
internal static class EvaluateCommand
{
    private const string Auto = "auto";
    private const string Loss = "loss";
    private const string Preference = "preference";
    private const int DefaultMaxLength = 512;
    private const int DefaultMaxPromptLength = 128;
    private const double DefaultBeta = 0.1;
    private static readonly string[] PlannedSuites = ["choice", "classify", "gsm8k", "math", "rouge", "advbench", "mt-bench"];

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Option<string> model = CommandOptions.Model();
        Option<string?> adapter = CommandOptions.Adapter();
        Option<string?> suite = CommandOptions.Choice<string>("--suite", "What to measure.", [Loss, Preference], name => name, PlannedSuites, null);
        suite.Required = true;
        var data = new Option<string>("--data") { Description = "A file, a folder or a glob.", HelpName = "PATH", Required = true };
        Option<long?> limit = CommandOptions.Integer("--limit", "Use only the first N records.", 1, int.MaxValue);
        Option<PromptTemplate?> template = CommandOptions.Template("The frame around an instruction or a dialogue.", PromptTemplate.Alpaca);
        Option<long?> maxLength = CommandOptions.Integer(
            "--max-length",
            $"Longest sample in tokens; longer ones are excluded, longer pairs truncated. Default: {DefaultMaxLength}, or the model's positions where it has fewer.",
            2,
            1 << 24);
        Option<long?> maxPromptLength = CommandOptions.Integer(
            "--max-prompt-length",
            $"Suite preference: longest prompt of a pair that exceeds --max-length. Default: {DefaultMaxPromptLength}, or half of --max-length where that is less.",
            1,
            1 << 24);
        Option<double> beta = CommandOptions.NotNegative("--beta", "Suite preference: beta of the implicit rewards.", DefaultBeta);
        Option<string?> format = CommandOptions.Choice<string>(
            "--format", "The records' fields.", [Auto, .. RecordFormat.All.Select(m => m.Name)], name => name, [], Auto);
        var device = new DeviceOptions();
        Option<bool> json = CommandOptions.Json();
        var command = new Command("evaluate", "Measure a model, with or without an adapter.")
        {
            model, adapter, suite, data, limit, template, maxLength, maxPromptLength, beta, format, json,
        };
        device.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new Request(
                parsed.GetRequiredValue(model), parsed.GetValue(adapter), parsed.GetRequiredValue(data), (int?)parsed.GetValue(limit),
                parsed.GetValue(template)!, (int?)parsed.GetValue(maxLength), (int?)parsed.GetValue(maxPromptLength), parsed.GetValue(beta),
                RecordFormat.Find(parsed.GetValue(format)!), device.Find(parsed, terminal));
            bool isPairs = parsed.GetValue(suite) == Preference;
            Action<Terminal, bool> write = await Task.Run(
                () => isPairs ? MeasurePreference(request, cancellationToken) : MeasureLoss(request, cancellationToken), cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            write(terminal, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static Action<Terminal, bool> MeasureLoss(Request request, CancellationToken cancellationToken)
    {
        if (request.MaxPromptLength is not null)
        {
            throw new UsageException("--max-prompt-length belongs to --suite preference");
        }

        Loaded loaded = Load(request);
        var encoder = new SampleEncoder(loaded.Tokenizer, request.Template, loaded.MaxLength);
        SampleSet<TokenSequence> samples = Read(request, encoder, SampleKind.Sequence);
        cancellationToken.ThrowIfCancellationRequested();
        using ILearner learner = request.Device.Load(loaded.Weights);
        using var suite = new LossSuite(learner, Environment.ProcessorCount);
        LossResult result = suite.Evaluate(loaded.Adapter, samples.Samples, cancellationToken);
        return (terminal, json) => EvaluationReport.Write(terminal, json, result, samples.Tally);
    }

    private static Action<Terminal, bool> MeasurePreference(Request request, CancellationToken cancellationToken)
    {
        if (request.Beta == 0)
        {
            throw new UsageException("--beta must be above 0");
        }

        Loaded loaded = Load(request);
        int maxPromptLength = request.MaxPromptLength ?? Math.Min(DefaultMaxPromptLength, loaded.MaxLength / 2);
        if (maxPromptLength >= loaded.MaxLength)
        {
            throw new UsageException($"--max-prompt-length is {maxPromptLength}, but a whole sequence may have {loaded.MaxLength} tokens. Use less, or raise --max-length");
        }

        var encoder = new PairEncoder(loaded.Tokenizer, request.Template, loaded.MaxLength, maxPromptLength);
        SampleSet<PreferencePair> pairs = Read(request, encoder, SampleKind.Pair);
        cancellationToken.ThrowIfCancellationRequested();
        using ILearner learner = request.Device.Load(loaded.Weights);
        using var suite = new PreferenceSuite(learner, Environment.ProcessorCount);
        PreferenceResult result = suite.Evaluate(loaded.Adapter, pairs.Samples, request.Beta, cancellationToken);
        return (terminal, json) => EvaluationReport.Write(terminal, json, result, request.Beta, pairs.Tally);
    }

    private static Loaded Load(Request request)
    {
        DecoderWeights weights = ModelDirectory.Load(request.Model);
        ITokenizer tokenizer = PreparedExperiment.LoadTokenizer(request.Model, weights.Config, request.Device.Terminal.Tokenizers);
        LoraAdapter? adapter = request.Adapter is null ? null : GenerateCommand.LoadAdapter(request.Adapter, weights.Config);
        int positions = weights.Config.MaxPositions;
        return request.MaxLength > positions
            ? throw new UsageException($"--max-length is {request.MaxLength}, but the model was made for {positions} tokens. Use at most {positions}")
            : new Loaded(weights, tokenizer, adapter, request.MaxLength ?? Math.Min(DefaultMaxLength, positions));
    }

    private static SampleSet<TSample> Read<TSample>(Request request, ISampleEncoder<TSample> encoder, SampleKind kind)
        where TSample : class
    {
        if (request.Format is { } format && format.Kind != kind)
        {
            throw new UsageException(kind == SampleKind.Pair
                ? $"--format {format.Name} has no pairs of answers, which --suite preference needs"
                : $"--format {format.Name} has pairs of answers; measure them with --suite preference");
        }

        var reader = new ExampleReader(request.Format, kind: kind);
        if (request.Limit is not { } limit)
        {
            return SampleSet.LoadHeldOut(request.Data, reader, encoder);
        }

        SampleSet<TSample> set = SampleSet.Encode(DataFiles.Find(request.Data).SelectMany(reader.Read).Take(limit), encoder);
        return set.Samples.Count > 0
            ? set
            : throw new InputFileException(
                request.Data, null, $"the first {set.Tally.Records} records hold no usable sample: {set.Tally.DescribeExclusions()}", "Raise --limit or --max-length");
    }

    private sealed record Request(
        string Model, string? Adapter, string Data, int? Limit, PromptTemplate Template, int? MaxLength, int? MaxPromptLength, double Beta, RecordFormat? Format,
        ChosenDevice Device);

    private sealed record Loaded(DecoderWeights Weights, ITokenizer Tokenizer, LoraAdapter? Adapter, int MaxLength);
}
