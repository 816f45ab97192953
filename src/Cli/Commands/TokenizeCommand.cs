using System.CommandLine;
using System.Globalization;
using System.Text;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm tokenize</c>: the token ids of a text on one line.</summary>
internal static class TokenizeCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var tokenizer = new Option<string>("--tokenizer")
        {
            Description = "A model directory, a tokenizer.json or a tokenizer.model.",
            HelpName = "PATH",
            Required = true,
        };
        var text = new Option<string?>("--text") { Description = "The text.", HelpName = "TEXT" };
        var file = new Option<string?>("--file") { Description = "A UTF-8 file that is the text, to the last byte.", HelpName = "PATH" };
        var special = new Option<bool>("--special") { Description = "Add begin- and end-of-sequence where the tokenizer's configuration does." };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("tokenize", "Print the token ids of a text.") { tokenizer, text, file, special, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(text) is null == result.GetValue(file) is null)
            {
                result.AddError("give one of --text and --file");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string path = parsed.GetRequiredValue(tokenizer);
            IReadOnlyList<int> ids = await Task.Run(
                () => Encode(terminal.Tokenizers(path), parsed.GetValue(text) ?? ReadText(parsed.GetRequiredValue(file)!), parsed.GetValue(special)),
                cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                JsonResult.Write(terminal.Out, document =>
                {
                    document.WriteStartArray("ids");
                    foreach (int id in ids)
                    {
                        document.WriteNumberValue(id);
                    }

                    document.WriteEndArray();
                });
            }
            else
            {
                terminal.Out.WriteLine(string.Join(' ', ids.Select(id => id.ToString(CultureInfo.InvariantCulture))));
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static IReadOnlyList<int> Encode(ITokenizer tokenizer, string text, bool special)
    {
        var ids = new List<int>();
        if (special && tokenizer is { AddsBeginOfSequence: true, BeginOfSequenceId: { } begin })
        {
            ids.Add(begin);
        }

        ids.AddRange(tokenizer.Encode(text).Select(t => t.Id));
        if (special && tokenizer is { AddsEndOfSequence: true, EndOfSequenceId: { } end })
        {
            ids.Add(end);
        }

        return ids;
    }

    private static string ReadText(string path)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new InputFileException(path, $"byte {e.Index}", "is not UTF-8", "Convert the file to UTF-8", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string problem = Directory.Exists(path) ? "is a folder" : File.Exists(path) ? "cannot be read" : "does not exist";
            throw new InputFileException(path, null, problem, "Name a text file that you may read", e);
        }
    }
}
