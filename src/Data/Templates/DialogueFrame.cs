using System.Text;
using FedLLM.Data.Examples;

namespace FedLLM.Data.Templates;

/// <summary>A stretch of a sample's text that is tokenized as one string.</summary>
/// <param name="Text">The text.</param>
/// <param name="AnswerStart">UTF-16 index at which the assistant's answer begins, which reaches to the end; the text's length where there is none.</param>
/// <param name="Ends">Whether end-of-sequence follows.</param>
public readonly record struct TextChunk(string Text, int AnswerStart, bool Ends);

/// <summary>
/// The frame around a dialogue, to the letter what FastChat's conversations of the style ADD_COLON_TWO give (OpenFedLLM's <c>utils/conversation.py</c>):
/// the system's text and a separator, then "USER: text" and the separator, "ASSISTANT: text" and end-of-sequence, turn by turn.
/// </summary>
/// <remarks>
/// FastChat writes end-of-sequence as the text &lt;/s&gt;, which Llama's tokenizer makes that token of; here it is the token of any tokenizer. A message without
/// text is its speaker and the colon, with no space and no separator, as in FastChat. The space before an answer belongs to the prompt.
/// </remarks>
public sealed record DialogueFrame
{
    private readonly string _system;
    private readonly string _separator;
    private readonly string _user;
    private readonly string _assistant;

    internal DialogueFrame(string system, string separator, string user, string assistant) =>
        (_system, _separator, _user, _assistant) = (system, separator, user, assistant);

    /// <summary>Returns a dialogue's text.</summary>
    /// <param name="system">Stands in place of the frame's own system text, or null.</param>
    /// <param name="turns">User and assistant by turns, the user first.</param>
    /// <param name="open">Whether the assistant's name and colon follow at the end, as the prompt of an answer.</param>
    /// <exception cref="ArgumentException">The turns do not alternate.</exception>
    public IReadOnlyList<TextChunk> Render(string? system, IReadOnlyList<Message> turns, bool open)
    {
        if (!Alternates(turns))
        {
            throw new ArgumentException("The turns do not alternate between user and assistant.", nameof(turns));
        }

        var chunks = new List<TextChunk>();
        StringBuilder text = new StringBuilder(system ?? _system).Append(_separator);
        foreach ((MessageRole role, string message) in turns)
        {
            text.Append(role == MessageRole.User ? _user : _assistant).Append(':');
            if (message.Length == 0)
            {
                continue;
            }

            text.Append(' ');
            if (role == MessageRole.User)
            {
                text.Append(message).Append(_separator);
            }
            else
            {
                int start = text.Length;
                chunks.Add(new TextChunk(text.Append(message).ToString(), start, Ends: true));
                text.Clear();
            }
        }

        if (open)
        {
            text.Append(_assistant).Append(':');
        }

        if (text.Length > 0)
        {
            chunks.Add(new TextChunk(text.ToString(), text.Length, Ends: false));
        }

        return chunks;
    }

    /// <summary>Whether user and assistant speak by turns, the user first.</summary>
    public static bool Alternates(IReadOnlyList<Message> turns)
    {
        for (int i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role != (i % 2 == 0 ? MessageRole.User : MessageRole.Assistant))
            {
                return false;
            }
        }

        return true;
    }
}
