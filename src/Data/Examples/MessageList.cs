using System.Text.Json;

namespace FedLLM.Data.Examples;

/// <summary>Reads a list of messages: objects with <c>role</c> and <c>content</c>, or with ShareGPT's <c>from</c> and <c>value</c>.</summary>
internal static class MessageList
{
    /// <summary>Reads the JSON array.</summary>
    /// <param name="json">The array's bytes, valid JSON.</param>
    /// <param name="options">The reader's bounds.</param>
    /// <param name="problem">What is wrong with it, or null.</param>
    /// <returns>The messages read before the problem.</returns>
    public static List<Message> Read(ReadOnlySpan<byte> json, JsonReaderOptions options, out string? problem)
    {
        var messages = new List<Message>();
        var reader = new Utf8JsonReader(json, options);
        reader.Read();
        problem = null;
        while (problem is null && reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            problem = reader.TokenType == JsonTokenType.StartObject ? ReadMessage(ref reader, messages) : "holds a message that is not an object";
        }

        return messages;
    }

    private static string? ReadMessage(ref Utf8JsonReader reader, List<Message> messages)
    {
        string? speaker = null;
        string? text = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isSpeaker = reader.ValueTextEquals("role") || reader.ValueTextEquals("from");
            bool isText = reader.ValueTextEquals("content") || reader.ValueTextEquals("value");
            reader.Read();
            if (!isSpeaker && !isText)
            {
                reader.Skip();
                continue;
            }

            if ((isSpeaker ? speaker : text) is not null)
            {
                return isSpeaker ? "holds a message with two of 'role' and 'from'" : "holds a message with two of 'content' and 'value'";
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                return isSpeaker ? "holds a message whose 'role' or 'from' is not a string" : "holds a message whose 'content' or 'value' is not a string";
            }

            (speaker, text) = isSpeaker ? (reader.GetString(), text) : (speaker, reader.GetString());
        }

        if (speaker is null || text is null)
        {
            return speaker is null ? "holds a message without 'role' or 'from'" : "holds a message without 'content' or 'value'";
        }

        if (Role(speaker) is not { } role)
        {
            return "holds a message of another role than system, user (human) and assistant (gpt, chatgpt)";
        }

        messages.Add(new Message(role, text));
        return null;
    }

    private static MessageRole? Role(string name) => name switch
    {
        "system" => MessageRole.System,
        "user" or "human" => MessageRole.User,
        "assistant" or "gpt" or "chatgpt" => MessageRole.Assistant,
        _ => null,
    };
}
