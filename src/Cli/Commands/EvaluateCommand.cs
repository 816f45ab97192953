using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Files;
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
    private const int DefaultMaxLength = 512;
    private static readonly string[] PlannedSuites = ["preference", "choice", "classify", "gsm8k", "math", "rouge", "advbench", "mt-bench"];

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Option<string> model = CommandOptions.Model();
        Option<string?> adapter = CommandOptions.Adapter();
        Option<string?> suite = CommandOptions.Choice<string>("--suite", "What to measure.", ["loss"], name => name, PlannedSuites, null);
        suite.Required = true;
        var data = new Option<string>("--data") { Description = "A file, a folder or a glob.", HelpName = "PATH", Required = true };
        Option<long?> limit = CommandOptions.Integer("--limit", "Use only the first N records.", 1, int.MaxValue);
        Option<PromptTemplate?> template = CommandOptions.Template("The frame around an instruction.", PromptTemplate.Alpaca);
        Option<long?> maxLength = CommandOptions.Integer(
            "--max-length", $"Longest sample in tokens; longer ones are excluded. Default: {DefaultMaxLength}, or the model's positions where it has fewer.", 2, 1 << 24);
        Option<string?> format = CommandOptions.Choice<string>(
            "--format", "The records' fields.", [Auto, .. RecordFormat.All.Select(m => m.Name)], name => name, [], Auto);
        Option<bool> json = CommandOptions.Json();
        var command = new Command("evaluate", "Measure a model, with or without an adapter.")
        {
            model, adapter, suite, data, limit, template, maxLength, format, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new Request(
                parsed.GetRequiredValue(model), parsed.GetValue(adapter), parsed.GetRequiredValue(data), (int?)parsed.GetValue(limit),
                parsed.GetValue(template)!, (int?)parsed.GetValue(maxLength), RecordFormat.Find(parsed.GetValue(format)!));
            Measured measured = await Task.Run(() => Measure(request, cancellationToken), cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            Write(terminal, measured, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static Measured Measure(Request request, CancellationToken cancellationToken)
    {
        DecoderWeights weights = ModelDirectory.Load(request.Model);
        ITokenizer tokenizer = PreparedExperiment.LoadTokenizer(request.Model, weights.Config);
        LoraAdapter? adapter = request.Adapter is null ? null : GenerateCommand.LoadAdapter(request.Adapter, weights.Config);
        int positions = weights.Config.MaxPositions;
        if (request.MaxLength > positions)
        {
            throw new UsageException($"--max-length is {request.MaxLength}, but the model was made for {positions} tokens. Use at most {positions}");
        }

        var encoder = new SampleEncoder(tokenizer, request.Template, request.MaxLength ?? Math.Min(DefaultMaxLength, positions));
        SampleSet<TokenSequence> samples = Read(request, encoder);
        cancellationToken.ThrowIfCancellationRequested();
        using var suite = new LossSuite(weights, Environment.ProcessorCount);
        return new Measured(suite.Evaluate(adapter, samples.Samples, cancellationToken), samples.Tally);
    }

    private static SampleSet<TokenSequence> Read(Request request, SampleEncoder encoder)
    {
        var reader = new ExampleReader(request.Format);
        if (request.Limit is not { } limit)
        {
            return SampleSet.LoadHeldOut(request.Data, reader, encoder);
        }

        SampleSet<TokenSequence> set = SampleSet.Encode(DataFiles.Find(request.Data).SelectMany(reader.Read).Take(limit), encoder);
        return set.Samples.Count > 0
            ? set
            : throw new InputFileException(
                request.Data, null, $"the first {set.Tally.Records} records hold no usable sample: {set.Tally.DescribeExclusions()}", "Raise --limit or --max-length");
    }

    private static void Write(Terminal terminal, Measured measured, bool json)
    {
        (LossResult result, SampleTally tally) = measured;
        if (json)
        {
            JsonResult.Write(terminal.Out, document =>
            {
                document.WriteString("suite", "loss");
                document.WriteFinite("loss", result.Loss);
                document.WriteFinite("perplexity", result.Perplexity);
                document.WriteNumber("samples", result.Samples);
                document.WriteNumber("scored_tokens", result.ScoredTokens);
                document.WriteNumber("tokens", tally.Tokens);
                document.WriteNumber("records", tally.Records);
                document.WriteStartObject("excluded");
                foreach ((ExclusionReason reason, int count) in tally.Excluded)
                {
                    document.WriteNumber(Name(reason), count);
                }

                document.WriteEndObject();
            });
            return;
        }

        if (tally.IsWarning)
        {
            terminal.Error.WriteLine(ShardTable.Warning("the data", tally));
        }

        Tables.WriteFacts(
            terminal.Out,
            ("loss", Figures.Measure(result.Loss)),
            ("perplexity", Figures.Measure(result.Perplexity)),
            ("samples", Figures.Count(result.Samples)),
            ("scored tokens", Figures.Count(result.ScoredTokens)),
            ("excluded", tally.Usable == tally.Records ? "none" : $"{tally.DescribeExclusions()} of {Figures.Count(tally.Records)} records"));
    }

    private static string Name(ExclusionReason reason) => reason switch
    {
        ExclusionReason.Overlong => "overlong",
        ExclusionReason.EmptyResponse => "empty_response",
        _ => "nothing_scored",
    };

    private sealed record Request(
        string Model, string? Adapter, string Data, int? Limit, PromptTemplate Template, int? MaxLength, RecordFormat? Format);

    private sealed record Measured(LossResult Result, SampleTally Tally);
}
