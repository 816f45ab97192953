using FedLLM.Cli.Hosting;
using FedLLM.Experiments.RunDirectories;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>How far the runs of a family are, a line each.</summary>
internal static class FamilyReport
{
    /// <summary>Writes the runs for people, or for machines.</summary>
    public static void Write(Terminal terminal, string directory, IReadOnlyList<RunStatus> runs, IReadOnlyList<string> directories, bool json)
    {
        if (json)
        {
            JsonResult.Write(terminal.Out, document =>
            {
                document.WriteString("directory", Path.GetFullPath(directory));
                document.WriteStartArray("clients");
                for (int i = 0; i < runs.Count; i++)
                {
                    document.WriteStartObject();
                    document.WriteString("directory", directories[i]);
                    document.WriteString("state", Figures.Name(runs[i].State));
                    document.WriteNumber("round", runs[i].Round);
                    document.WriteNumber("rounds", runs[i].Rounds);
                    document.WriteFinite("train_loss", runs[i].TrainLoss);
                    document.WriteString("adapter", runs[i].Adapter);
                    document.WriteEndObject();
                }

                document.WriteEndArray();
            });
            return;
        }

        Table table = Tables.New("#client", "state", "round", "#train loss", "evaluation", "adapter");
        for (int i = 0; i < runs.Count; i++)
        {
            RunStatus run = runs[i];
            string evaluation = run.LastEvaluation is { } last ? string.Join(", ", last.Select(e => $"{e.Key} {Figures.Measure(e.Value)}")) : "-";
            table.Row(Path.GetFileName(directories[i]), Figures.Name(run.State), $"{run.Round} of {run.Rounds}", Figures.Measure(run.TrainLoss), evaluation, run.Adapter ?? "-");
        }

        Tables.Console(terminal.Out, terminal.OutIsScreen).Write(table);
    }
}
