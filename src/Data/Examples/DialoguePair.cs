namespace FedLLM.Data.Examples;

/// <summary>
/// Cuts the two dialogues of an hh-rlhf record, "\n\nHuman: …\n\nAssistant: …" each, into the prompt they share and their answers, as OpenFedLLM does
/// (<c>utils/process_dataset.py</c>, <c>split_hh</c>): the turns of the common prefix are the prompt; the answers begin with the space behind the
/// assistant's last colon in it. Turns alternate: a second "Assistant:" in a row is text of the first one's turn.
/// </summary>
/// <remarks>
/// OpenFedLLM's answers begin with the last character of the common prefix. Where both answers begin alike (19 % of the pairs of the two test splits), that
/// is inside them, and what they have in common is in neither the prompt nor the answers. Here answers are whole; <c>exact</c> cuts as OpenFedLLM does.
/// Where the dialogues part before the assistant's turn, OpenFedLLM makes a prompt without the user's text; here there is no prompt and the pair is excluded.
/// </remarks>
internal static class DialoguePair
{
    private const string Human = "\n\nHuman:";
    private const string Assistant = "\n\nAssistant:";

    /// <summary>Whether a text begins as such a dialogue does.</summary>
    public static bool IsDialogue(string text) => text.StartsWith(Human, StringComparison.Ordinal);

    /// <summary>Returns the prompt's turns, which end with the user's, and the two answers; no turns where the dialogues share no prompt.</summary>
    public static (IReadOnlyList<Message> Prompt, string Chosen, string Rejected) Split(string chosen, string rejected, bool exact)
    {
        int shared = chosen.AsSpan().CommonPrefixLength(rejected);
        if (shared > 0 && char.IsHighSurrogate(chosen[shared - 1]))
        {
            shared--;
        }

        string prefix = chosen[..shared];
        var turns = new List<Message>();
        if (!IsDialogue(prefix))
        {
            return ([], chosen, rejected);
        }

        int colon = Human.Length; // one past the colon of the turn under way
        MessageRole role = MessageRole.User;
        while (true)
        {
            string marker = role == MessageRole.User ? Assistant : Human;
            int end = prefix.IndexOf(marker, colon, StringComparison.Ordinal);
            if (end < 0)
            {
                break;
            }

            int start = Math.Min(end, prefix[colon] == ' ' ? colon + 1 : colon);
            turns.Add(new Message(role, prefix[start..end]));
            role = role == MessageRole.User ? MessageRole.Assistant : MessageRole.User;
            colon = end + marker.Length;
        }

        if (role == MessageRole.User)
        {
            return ([], chosen, rejected);
        }

        int answer = exact ? shared - 1 : colon;
        return (turns, chosen[answer..], rejected[answer..]);
    }
}
