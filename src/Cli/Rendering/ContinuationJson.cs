using System.Text.Json;
using FedLLM.Engine.Decoding;

namespace FedLLM.Cli.Rendering;

/// <summary>What <c>fedllm generate --json</c> prints.</summary>
internal static class ContinuationJson
{
    /// <summary>Writes the members of one continuation.</summary>
    public static void WriteMembers(Utf8JsonWriter document, TextContinuation result)
    {
        document.WriteString("text", result.Text);
        document.WriteNumber("prompt_tokens", result.PromptTokens);
        document.WriteStartArray("ids");
        foreach (int id in result.Ids)
        {
            document.WriteNumberValue(id);
        }

        document.WriteEndArray();
        document.WriteString("ended_by", result.End switch
        {
            ContinuationEnd.EndOfSequence => "end_of_sequence",
            ContinuationEnd.StopString => "stop_string",
            _ => "max_new_tokens",
        });
    }

    /// <summary>Writes the list of several, in the prompts' order.</summary>
    public static void WriteList(Utf8JsonWriter document, IReadOnlyList<TextContinuation> results)
    {
        document.WriteStartArray("continuations");
        foreach (TextContinuation result in results)
        {
            document.WriteStartObject();
            WriteMembers(document, result);
            document.WriteEndObject();
        }

        document.WriteEndArray();
    }
}
