using System.Globalization;
using System.Text.Json;
using FedLLM.Cli.Hosting;
using FedLLM.Data.Samples;
using FedLLM.Evaluation.Statistics;
using FedLLM.Evaluation.Suites;

namespace FedLLM.Cli.Rendering;

/// <summary>The result of <c>fedllm evaluate</c>.</summary>
internal static class EvaluationReport
{
    /// <summary>Writes a held-out loss.</summary>
    public static void Write(Terminal terminal, bool json, LossResult result, SampleTally tally)
    {
        if (json)
        {
            JsonResult.Write(terminal.Out, document =>
            {
                document.WriteString("suite", "loss");
                document.WriteFinite("loss", result.Loss);
                document.WriteFinite("perplexity", result.Perplexity);
                document.WriteNumber("samples", result.Samples);
                document.WriteNumber("scored_tokens", result.ScoredTokens);
                WriteCounts(document, tally);
            });
            return;
        }

        WarnOfExclusions(terminal, tally);
        Tables.WriteFacts(
            terminal.Out,
            ("loss", Figures.Measure(result.Loss)),
            ("perplexity", Figures.Measure(result.Perplexity)),
            ("samples", Figures.Count(result.Samples)),
            ("scored tokens", Figures.Count(result.ScoredTokens)),
            ("excluded", Exclusions(tally)));
    }

    /// <summary>Writes preferences.</summary>
    public static void Write(Terminal terminal, bool json, PreferenceResult result, double beta, SampleTally tally)
    {
        (string Name, string Key, PreferenceMeasure Measure)[] measures =
        [
            .. Named("implicit reward", "reward", result.Reward),
            .. Named("implicit reward per token", "reward_per_token", result.NormalizedReward),
            .. Named("log-probability", "log_probability", result.Plain),
            .. Named("log-probability per token", "log_probability_per_token", result.Normalized),
        ];
        if (json)
        {
            JsonResult.Write(terminal.Out, document =>
            {
                document.WriteString("suite", "preference");
                document.WriteFinite("accuracy", measures[0].Measure.Accuracy);
                document.WriteFinite("margin", measures[0].Measure.Margin);
                document.WriteNumber("pairs", result.Pairs);
                document.WriteNumber("beta", beta);
                document.WriteNumber("resamples", Bootstrap.Resamples);
                foreach ((_, string key, PreferenceMeasure measure) in measures)
                {
                    WriteMeasure(document, key, measure);
                }

                document.WriteNumber("scored_tokens", tally.ScoredTokens);
                WriteCounts(document, tally);
            });
            return;
        }

        WarnOfExclusions(terminal, tally);
        var table = Tables.New("by", "#accuracy", "#95 % interval", "#margin", "#ties");
        foreach ((string name, _, PreferenceMeasure measure) in measures)
        {
            Interval interval = measure.AccuracyInterval();
            table.Row(
                name, Figures.Measure(measure.Accuracy), $"{Figures.Measure(interval.Low)} to {Figures.Measure(interval.High)}", Figures.Measure(measure.Margin),
                Figures.Count(measure.Ties));
        }

        Tables.Console(terminal.Out, terminal.OutIsScreen).Write(table);
        string truncations = tally.DescribeCutTokens();
        Tables.WriteFacts(
            terminal.Out,
            ("pairs", Figures.Count(result.Pairs)),
            ("beta", beta.ToString(CultureInfo.InvariantCulture)),
            ("interval", $"bootstrap over the pairs, {Figures.Count(Bootstrap.Resamples)} resamples"),
            ("excluded", Exclusions(tally)),
            ("truncated", truncations.Length == 0 ? "none" : $"{truncations} of {Figures.Count(tally.Usable)} pairs"));
    }

    private static (string Name, string Key, PreferenceMeasure Measure)[] Named(string name, string key, PreferenceMeasure? measure) =>
        measure is null ? [] : [(name, key, measure)];

    private static void WriteMeasure(Utf8JsonWriter document, string key, PreferenceMeasure measure)
    {
        Interval interval = measure.AccuracyInterval();
        document.WriteStartObject(key);
        document.WriteFinite("accuracy", measure.Accuracy);
        document.WriteStartArray("interval");
        document.WriteNumberValue(interval.Low);
        document.WriteNumberValue(interval.High);
        document.WriteEndArray();
        document.WriteFinite("margin", measure.Margin);
        document.WriteNumber("ties", measure.Ties);
        document.WriteEndObject();
    }

    private static void WriteCounts(Utf8JsonWriter document, SampleTally tally)
    {
        document.WriteNumber("tokens", tally.Tokens);
        document.WriteNumber("records", tally.Records);
        document.WriteStartObject("excluded");
        foreach ((ExclusionReason reason, int count) in tally.Excluded)
        {
            document.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString()), count);
        }

        document.WriteEndObject();
        document.WriteStartObject("truncated");
        foreach ((Truncation part, int count) in tally.Truncated)
        {
            document.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName(part.ToString()), count);
        }

        document.WriteEndObject();
        document.WriteStartObject("truncated_tokens");
        foreach (Truncation part in tally.Truncated.Keys)
        {
            document.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName(part.ToString()), tally.Cut.Of(part));
        }

        document.WriteEndObject();
    }

    private static void WarnOfExclusions(Terminal terminal, SampleTally tally)
    {
        if (tally.IsWarning)
        {
            terminal.Error.WriteLine(ShardTable.Warning("the data", tally));
        }
    }

    private static string Exclusions(SampleTally tally) =>
        tally.Usable == tally.Records ? "none" : $"{tally.DescribeExclusions()} of {Figures.Count(tally.Records)} records";
}
