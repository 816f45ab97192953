namespace FedLLM.Data.Examples;

/// <summary>Turns the bytes of one file's records into examples.</summary>
internal sealed class RecordParser
{
    private static readonly RecordFormat[] Recognized =
        [RecordFormat.Alpaca, RecordFormat.Dolly, RecordFormat.Gsm8k, RecordFormat.ShareGpt, RecordFormat.Messages, RecordFormat.Preference, RecordFormat.HhRlhf];

    private readonly RecordFields _fields;
    private readonly SampleKind _kind;
    private RecordFormat? _format;

    public RecordParser(string path, RecordFormat? format, SampleKind kind, string labelField, int maxDepth)
    {
        _fields = new RecordFields(path, labelField, maxDepth);
        _kind = kind;
        _format = format;
    }

    /// <summary>Reads one record; the first one decides the format where none was given, and each its own where the format is mixed.</summary>
    public Example Parse(ReadOnlySpan<byte> record, SourcePlace place)
    {
        _fields.Read(record, place);
        _format ??= Recognize();
        RecordFormat format = _format.Shape == RecordShape.Any ? Recognize() : _format;
        return format.Shape switch
        {
            RecordShape.Fields => Instruction(format),
            RecordShape.Dialogue => Dialogue(record, format),
            RecordShape.Preference => Preference(record, format),
            _ => DialoguePairOf(format),
        };
    }

    private InstructionExample Instruction(RecordFormat format)
    {
        string instruction = _fields.Text(format.Instruction!, format);
        string input = format.Input is null ? "" : _fields.OptionalText(format.Input, format);
        return new InstructionExample(
            input.Length == 0 ? instruction : instruction + " " + input, _fields.Text(format.Response!, format), _fields.Label, _fields.Place);
    }

    private DialogueExample Dialogue(ReadOnlySpan<byte> record, RecordFormat format)
    {
        (string? system, List<Message> turns) = WithoutSystem(_fields.Messages(record, format.List!, format));
        return new DialogueExample(system, turns, _fields.Label, _fields.Place);
    }

    private PreferenceExample DialoguePairOf(RecordFormat format)
    {
        (IReadOnlyList<Message> prompt, string chosen, string rejected) =
            DialoguePair.Split(_fields.Text("chosen", format), _fields.Text("rejected", format), format.LosesCommonStart);
        return new PreferenceExample(null, prompt, chosen, rejected, _fields.Label, _fields.Place);
    }

    private PreferenceExample Preference(ReadOnlySpan<byte> record, RecordFormat format)
    {
        List<Message> prompt = [];
        if (_fields.IsList("prompt"))
        {
            prompt = _fields.Messages(record, "prompt", format);
        }
        else if (_fields.Has("prompt") || !_fields.IsList("chosen"))
        {
            prompt = [new Message(MessageRole.User, _fields.Text("prompt", format))];
        }

        string chosen = Answer(record, "chosen", format, ref prompt);
        string rejected = Answer(record, "rejected", format, ref prompt);
        (string? system, List<Message> turns) = WithoutSystem(prompt);
        return new PreferenceExample(system, turns, chosen, rejected, _fields.Label, _fields.Place);
    }

    /// <summary>
    /// Returns an answer with one space before it: the string, or the last message's content. Where the record has no prompt, the messages before the last are
    /// the prompt, and both answers' must be the same.
    /// </summary>
    private string Answer(ReadOnlySpan<byte> record, string name, RecordFormat format, ref List<Message> prompt)
    {
        if (!_fields.IsList(name))
        {
            return " " + _fields.Text(name, format);
        }

        List<Message> messages = _fields.Messages(record, name, format);
        if (messages.Count == 0 || messages[^1].Role != MessageRole.Assistant)
        {
            throw _fields.Defect($"the field '{name}' does not end with a message of the assistant", "Correct the record or remove it");
        }

        if (!_fields.Has("prompt"))
        {
            List<Message> before = messages[..^1];
            if (name == "chosen")
            {
                prompt = before;
            }
            else if (!prompt.SequenceEqual(before))
            {
                throw _fields.Defect("the messages before the last differ between 'chosen' and 'rejected'", "Give both answers one prompt, or remove the record");
            }
        }

        return " " + messages[^1].Text;
    }

    private static (string? System, List<Message> Turns) WithoutSystem(List<Message> messages) =>
        messages is [{ Role: MessageRole.System }, ..] ? (messages[0].Text, messages[1..]) : (null, messages);

    private RecordFormat Recognize()
    {
        RecordFormat[] fitting = [.. Recognized.Where(Fits)];
        RecordFormat[] wanted = [.. fitting.Where(f => f.Kind == _kind)];
        if (wanted.Length > 0)
        {
            return wanted.Length == 1 ? wanted[0] : throw _fields.Defect("its fields fit several formats", "Set data.format to " + Names(wanted));
        }

        throw (_kind, fitting.Length > 0) switch
        {
            (SampleKind.Sequence, true) => _fields.Defect(
                $"its fields are those of preference pairs ({Names(fitting)})", "Set task to dpo, or choose data with instructions or dialogues"),
            (SampleKind.Pair, true) => _fields.Defect(
                $"its fields are those of instruction tuning ({Names(fitting)}), and preference learning needs pairs", "Set task to sft, or choose data with chosen and rejected"),
            (SampleKind.Sequence, false) => _fields.Defect(
                "its fields are none of instruction + output (alpaca), instruction + response (dolly, plain), question + answer (gsm8k), conversations (sharegpt), messages",
                "Rename the fields, or set data.format to learn which one is missing"),
            _ => _fields.Defect(
                "its fields are neither prompt + chosen + rejected (preference) nor chosen + rejected that are dialogues of Human: and Assistant: (hh-rlhf)",
                "Rename the fields, or set data.format to learn which one is missing"),
        };
    }

    private bool Fits(RecordFormat format) => format.Shape switch
    {
        RecordShape.Fields => _fields.Has(format.Instruction!) && _fields.Has(format.Response!),
        RecordShape.Dialogue => _fields.IsList(format.List!),
        RecordShape.Preference => _fields.Has("chosen") && _fields.Has("rejected") && (_fields.Has("prompt") || _fields.IsList("chosen")),
        _ => !_fields.Has("prompt") && _fields.IsText("chosen") && _fields.IsText("rejected") && DialoguePair.IsDialogue(_fields.Text("chosen", format)),
    };

    private static string Names(IEnumerable<RecordFormat> formats) => string.Join(", ", formats.Select(f => f.Name));
}
