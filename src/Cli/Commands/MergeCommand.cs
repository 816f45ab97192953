using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Engine.Files;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm merge</c>: writes a model directory that holds a base model with an adapter merged in.</summary>
internal static class MergeCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        Option<string> model = CommandOptions.Model();
        Option<string?> adapter = CommandOptions.Adapter();
        adapter.Required = true;
        var destination = new Option<string>("--out") { Description = "Directory to write; absent or empty.", HelpName = "DIR", Required = true };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("merge", "Merge an adapter into its base model.") { model, adapter, destination, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string folder = parsed.GetRequiredValue(destination);
            MergedModel merged = await Task.Run(
                () => AdapterMerge.Write(parsed.GetRequiredValue(model), parsed.GetRequiredValue(adapter)!, folder), cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
            Write(terminal, folder, merged, parsed.GetValue(json));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Write(Terminal terminal, string folder, MergedModel merged, bool json)
    {
        if (!json)
        {
            Tables.WriteFacts(
                terminal.Out,
                ("model", folder),
                ("weight files", Figures.Count(merged.WeightFiles.Count)),
                ("tensors merged", Figures.Count(merged.Merged)),
                ("tensors copied", Figures.Count(merged.Copied)));
            return;
        }

        JsonResult.Write(terminal.Out, document =>
        {
            document.WriteString("model", folder);
            document.WriteStartArray("weight_files");
            foreach (string name in merged.WeightFiles)
            {
                document.WriteStringValue(name);
            }

            document.WriteEndArray();
            document.WriteNumber("tensors_merged", merged.Merged);
            document.WriteNumber("tensors_copied", merged.Copied);
            document.WriteNumber("bytes", merged.Bytes);
        });
    }
}
