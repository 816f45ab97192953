using System.Globalization;
using System.Text.Json;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>What clients' own held-out data says of the global adapter and of each one's own, after the last round in which it was measured.</summary>
internal static class PersonalReport
{
    /// <summary>Writes a table and what follows from it; nothing where no client was measured.</summary>
    public static void Write(TextWriter output, bool screen, IReadOnlyList<RoundRecord> rounds)
    {
        if (Last(rounds) is not { } round)
        {
            return;
        }

        Table table = Tables.New("on each client's own data", "adapter", "#clients", "#mean", "#weighted mean", "#worst tenth", "#worst");
        IReadOnlyList<PersonalSummary> measures = PersonalSummary.Of(round.ClientEvaluation);
        foreach (PersonalSummary measure in measures)
        {
            Row(measure.Measure, "global", measure.Global);
            if (measure.Own is { } own)
            {
                Row(measure.Measure, "its own", own);
            }
        }

        Tables.Console(output, screen).Write(table);
        string better = string.Join(", ", measures.Where(m => m.BetterWithOwn is not null).Select(m => $"{Share(m.BetterWithOwn!.Value)} by {m.Measure}"));
        Tables.WriteFacts(
            output,
            ("measured", string.Create(CultureInfo.InvariantCulture, $"after round {round.Round}")),
            ("better off with their own", better.Length == 0 ? "-" : better));

        void Row(string name, string adapter, MeasureSpread spread) => table.Row(
            name, adapter, Figures.Count(spread.Clients), Figures.Measure(spread.Mean), Figures.Measure(spread.WeightedMean), Figures.Measure(spread.WorstTenth),
            Figures.Measure(spread.Worst));
    }

    /// <summary>Writes the same as the member <c>client_evaluation</c>: an object, or null where no client was measured.</summary>
    public static void WriteJson(Utf8JsonWriter document, IReadOnlyList<RoundRecord> rounds)
    {
        if (Last(rounds) is not { } round)
        {
            document.WriteNull("client_evaluation");
            return;
        }

        document.WriteStartObject("client_evaluation");
        document.WriteNumber("round", round.Round);
        foreach (PersonalSummary measure in PersonalSummary.Of(round.ClientEvaluation))
        {
            document.WriteStartObject(measure.Measure);
            WriteSpread(document, "global", measure.Global);
            WriteSpread(document, "own", measure.Own);
            document.WriteFinite("better_with_own", measure.BetterWithOwn);
            document.WriteEndObject();
        }

        document.WriteEndObject();
    }

    private static RoundRecord? Last(IReadOnlyList<RoundRecord> rounds) => rounds.LastOrDefault(r => r.ClientEvaluation is { Count: > 0 });

    private static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.#} %");

    private static void WriteSpread(Utf8JsonWriter document, string name, MeasureSpread? spread)
    {
        if (spread is null)
        {
            document.WriteNull(name);
            return;
        }

        document.WriteStartObject(name);
        document.WriteNumber("clients", spread.Clients);
        document.WriteFinite("mean", spread.Mean);
        document.WriteFinite("weighted_mean", spread.WeightedMean);
        document.WriteFinite("worst_tenth", spread.WorstTenth);
        document.WriteFinite("worst", spread.Worst);
        document.WriteEndObject();
    }
}
