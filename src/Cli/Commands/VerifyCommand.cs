using System.CommandLine;
using System.Globalization;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Experiments.RunDirectories;
using Spectre.Console;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm verify</c>: checks a run directory from end to end and prints its lineage. Exit 1 where something is damaged.</summary>
internal static class VerifyCommand
{
    private const int ShownDigits = 12;

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var directory = new Argument<string>("DIR") { Description = "A run directory." };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("verify", "Check a run directory from end to end, and show which updates made which adapter.") { directory, json };
        command.SetAction(parsed =>
        {
            RunVerification found = RunVerification.Of(parsed.GetRequiredValue(directory));
            if (parsed.GetValue(json))
            {
                WriteJson(terminal.Out, found);
            }
            else
            {
                Write(terminal, found);
            }

            foreach (string line in found.Damage)
            {
                terminal.Error.WriteLine("damaged: " + Failure.OneLine(line));
            }

            return found.Damage.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static void Write(Terminal terminal, RunVerification found)
    {
        Table table = Tables.New("#round", "adapter", "made of (client, weight, update)");
        foreach (LineageRound round in found.Lineage)
        {
            string made = round.Abandoned is not null
                ? $"nothing: abandoned, {round.Abandoned}"
                : round.Round == 0 ? "the beginning" : string.Join("; ", round.Members.Select(Describe));
            table.Row(round.Round.ToString(CultureInfo.InvariantCulture), Short(round.Adapter) + (round.BaseCorrection is { } c ? $" + base {Short(c)}" : ""), made);
        }

        Tables.Console(terminal.Out, terminal.OutIsScreen).Write(table);
        foreach (string note in found.Notes)
        {
            terminal.Out.WriteLine("note: " + Failure.OneLine(note));
        }

        string verdict = found.Damage.Count == 0 ? "whole" : string.Create(CultureInfo.InvariantCulture, $"{found.Damage.Count} damaged or missing");
        terminal.Out.WriteLine(Failure.OneLine(string.Create(
            CultureInfo.InvariantCulture, $"{found.Root}: {verdict}; {found.Files} files of {found.Bytes / 1e6:F1} MB read and found as they were written")));
    }

    private static string Describe(LineageMember member) => string.Create(
        CultureInfo.InvariantCulture, $"{member.Client} {member.Weight} {Short(member.Update)}{(member.ControlDelta is { } c ? $" and control {Short(c)}" : "")}");

    private static string Short(string hash) => hash[..Math.Min(ShownDigits, hash.Length)];

    private static void WriteJson(TextWriter output, RunVerification found) => JsonResult.Write(output, document =>
    {
        document.WriteString("directory", found.Root);
        document.WriteBoolean("whole", found.Damage.Count == 0);
        WriteLines("damage", found.Damage);
        WriteLines("notes", found.Notes);
        document.WriteNumber("files", found.Files);
        document.WriteNumber("bytes", found.Bytes);
        document.WriteStartArray("lineage");
        foreach (LineageRound round in found.Lineage)
        {
            document.WriteStartObject();
            document.WriteNumber("round", round.Round);
            document.WriteString("adapter", round.Adapter);
            document.WriteString("base_correction", round.BaseCorrection);
            document.WriteString("abandoned", round.Abandoned);
            document.WriteStartArray("members");
            foreach (LineageMember member in round.Members)
            {
                document.WriteStartObject();
                document.WriteNumber("client", member.Client);
                document.WriteFinite("weight", member.Weight);
                document.WriteString("update", member.Update);
                document.WriteString("control_delta", member.ControlDelta);
                document.WriteEndObject();
            }

            document.WriteEndArray();
            document.WriteEndObject();
        }

        document.WriteEndArray();

        void WriteLines(string name, IReadOnlyList<string> lines)
        {
            document.WriteStartArray(name);
            foreach (string line in lines)
            {
                document.WriteStringValue(line);
            }

            document.WriteEndArray();
        }
    });
}
