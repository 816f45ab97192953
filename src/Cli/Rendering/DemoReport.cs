using System.Globalization;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>What the model writes for one held-out instruction.</summary>
/// <param name="Instruction">The instruction.</param>
/// <param name="Reference">The held-out answer.</param>
/// <param name="Before">The base model's continuation.</param>
/// <param name="After">The continuation with the federated adapter.</param>
internal sealed record DemoGeneration(string Instruction, string Reference, string Before, string After);

/// <summary>All that the demo shows.</summary>
internal sealed record DemoResult(PreparedExperiment Prepared, RunResult Run, LocalComparison Comparison, IReadOnlyList<DemoGeneration> Generations);

/// <summary>The demo's table, chart and generations.</summary>
internal static class DemoReport
{
    private const int ChartWidth = 50;

    /// <summary>Writes the result for people.</summary>
    public static void Write(TextWriter output, bool screen, DemoResult result)
    {
        LocalComparison losses = result.Comparison;
        double[] local = [.. losses.Local.Order()];
        output.WriteLine();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Held-out loss on {result.Prepared.Data.HeldOutTally!.Usable} questions of all kinds, {losses.Steps} optimizer steps each:"));
        Table table = Tables.New("model", "#held-out loss", "#of base", "#of the best client alone");
        Row("base model", losses.Base);
        Row($"best client alone ({result.Prepared.Shards.Name(losses.BestClient)})", losses.BestLocal);
        Row("median client alone", local[local.Length / 2]);
        Row("federated adapter", losses.Federated);
        Tables.Console(output, screen).Write(table);

        output.WriteLine("Held-out loss by round:");
        foreach (RoundRecord record in result.Run.Rounds.Where(r => r.Evaluation is not null))
        {
            double loss = record.Evaluation!["loss"];
            string bar = new('#', (int)Math.Round(ChartWidth * loss / losses.Base));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{record.Round,5}  {loss:F3}  {bar}"));
        }

        foreach (DemoGeneration generation in result.Generations)
        {
            output.WriteLine();
            Tables.WriteFacts(
                output, ("instruction", generation.Instruction), ("before", generation.Before), ("after", generation.After), ("reference", generation.Reference));
        }

        output.WriteLine();
        Tables.WriteFacts(output, ("run", result.Run.Directory), ("adapter", result.Run.AdapterFolder), ("sha256", result.Run.AdapterHash));

        void Row(string name, double loss) => table.Row(
            name, Figures.Measure(loss), Ratio(loss / losses.Base), Ratio(loss / losses.BestLocal));
        static string Ratio(double value) => value.ToString("F3", CultureInfo.InvariantCulture);
    }

    /// <summary>Writes the result for machines.</summary>
    public static void WriteJson(TextWriter output, DemoResult result) => JsonResult.Write(output, document =>
    {
        LocalComparison losses = result.Comparison;
        document.WriteNumber("base_loss", losses.Base);
        document.WriteNumber("federated_loss", losses.Federated);
        document.WriteNumber("best_local_loss", losses.BestLocal);
        document.WriteNumber("best_local_client", losses.BestClient);
        document.WriteNumber("steps", losses.Steps);
        document.WriteStartArray("local_losses");
        foreach (double loss in losses.Local)
        {
            document.WriteNumberValue(loss);
        }

        document.WriteEndArray();
        document.WriteStartArray("generations");
        foreach (DemoGeneration generation in result.Generations)
        {
            document.WriteStartObject();
            document.WriteString("instruction", generation.Instruction);
            document.WriteString("reference", generation.Reference);
            document.WriteString("before", generation.Before);
            document.WriteString("after", generation.After);
            document.WriteEndObject();
        }

        document.WriteEndArray();
        document.WriteString("directory", result.Run.Directory);
        document.WriteString("adapter_directory", result.Run.AdapterFolder);
        document.WriteString("adapter", result.Run.AdapterHash);
    });
}
