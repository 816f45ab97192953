using System.Text;
using System.Text.Json;
using FedLLM.Engine.Files;

namespace FedLLM.Cli.Commands;

/// <summary>Reads a file of prompts: one JSON string a line, so that a prompt may hold line ends; blank lines are passed over.</summary>
internal static class PromptFile
{
    private const long MaxBytes = 256L << 20;

    /// <summary>Reads all prompts.</summary>
    /// <exception cref="InputFileException">The file cannot be read, a line is not a JSON string, or there is none.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        var prompts = new List<string>();
        int number = 0;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } large)
            {
                throw new InputFileException(path, null, $"is {large.Length} bytes long; at most {MaxBytes} are read", "Cut the file in pieces");
            }

            var encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
            foreach (string line in File.ReadLines(path, encoding))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                {
                    prompts.Add(JsonSerializer.Deserialize<string>(line) ?? throw new JsonException());
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputFileException(path, $"line {number}", "is not a JSON string", "Write each prompt on a line of its own, quoted and escaped as JSON", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new InputFileException(path, $"line {number + 1}", "is not UTF-8", "Convert the file to UTF-8", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string problem = Directory.Exists(path) ? "is a folder" : File.Exists(path) ? "cannot be read" : "does not exist";
            throw new InputFileException(path, null, problem, "Name a text file that you may read", e);
        }

        return prompts.Count > 0 ? prompts : throw new InputFileException(path, null, "holds no prompt", "Write a JSON string on each line");
    }
}
