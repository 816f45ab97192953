using System.Text.Encodings.Web;
using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization.HuggingFace;

namespace FedLLM.Engine.Tokenization.Training;

/// <summary>A byte-level BPE vocabulary as learned; writes itself as Hugging Face tokenizer files.</summary>
public sealed class BytePairVocabulary
{
    /// <summary>How text is cut: each digit by itself, then GPT-2's pattern. Must agree with what <see cref="Save"/> writes.</summary>
    internal static readonly IPreTokenizer PreTokenizer = new PreTokenizerSequence([
        new SplitPreTokenizer(new NumericPattern(), SplitBehavior.Isolated, invert: false),
        new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: true),
    ]);

    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly BytePairTrainerOptions _options;
    private readonly int _firstLearned;

    internal BytePairVocabulary(List<string> learned, List<(int Left, int Right)> merges, BytePairTrainerOptions options)
    {
        _options = options;
        bool isFirst = options.Placement == SpecialTokenPlacement.First;
        _firstLearned = isFirst ? options.SpecialTokens.Count : 0;
        Tokens = isFirst ? [.. options.SpecialTokens, .. learned] : [.. learned, .. options.SpecialTokens];
        Merges = merges;
    }

    /// <summary>The tokens by id; learned ones are written in the byte alphabet of GPT-2.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>The merges as pairs of ids, first learned first.</summary>
    public IReadOnlyList<(int Left, int Right)> Merges { get; }

    /// <summary>
    /// Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>; the same vocabulary gives the same bytes. Existing files are replaced whole.
    /// </summary>
    /// <param name="directory">The directory; made if it is missing.</param>
    /// <exception cref="InputFileException">A file cannot be written.</exception>
    public void Save(string directory)
    {
        Write(directory, "tokenizer.json", WriteTokenizer);
        Write(directory, "tokenizer_config.json", WriteConfig);
    }

    private static void Write(string directory, string name, Action<Utf8JsonWriter> write)
    {
        string path = Path.Combine(directory, name);
        string partial = path + ".partial";
        try
        {
            Directory.CreateDirectory(directory);
            using (FileStream stream = File.Create(partial))
            {
                using (Utf8JsonWriter writer = new(stream, WriterOptions))
                {
                    write(writer);
                }

                stream.WriteByte((byte)'\n');
            }

            File.Move(partial, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(path, null, "the file cannot be written", "Check the directory's permissions and free space", exception);
        }
    }

    private int SpecialId(int index) => _firstLearned > 0 ? index : Tokens.Count - _options.SpecialTokens.Count + index;

    private void WriteTokenizer(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        WriteAddedTokens(writer);
        writer.WriteNull("normalizer");
        writer.WriteStartObject("pre_tokenizer");
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("pretokenizers");
        writer.WriteStartObject();
        writer.WriteString("type", "Digits");
        writer.WriteBoolean("individual_digits", true);
        writer.WriteEndObject();
        writer.WriteStartObject();
        WriteByteLevel(writer, addPrefixSpace: false);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteStartObject("post_processor");
        WritePostProcessor(writer);
        writer.WriteEndObject();
        writer.WriteStartObject("decoder");
        WriteByteLevel(writer, addPrefixSpace: true);
        writer.WriteEndObject();
        WriteModel(writer);
        writer.WriteEndObject();
    }

    private void WriteAddedTokens(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("added_tokens");
        for (int i = 0; i < _options.SpecialTokens.Count; i++)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", SpecialId(i));
            writer.WriteString("content", _options.SpecialTokens[i]);
            writer.WriteBoolean("single_word", false);
            writer.WriteBoolean("lstrip", false);
            writer.WriteBoolean("rstrip", false);
            writer.WriteBoolean("normalized", false);
            writer.WriteBoolean("special", true);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, bool addPrefixSpace)
    {
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", true);
    }

    // Libraries take the begin-of-sequence token from here, not from tokenizer_config.json.
    private void WritePostProcessor(Utf8JsonWriter writer)
    {
        if (!_options.AddsBeginOfSequence)
        {
            WriteByteLevel(writer, addPrefixSpace: true);
            return;
        }

        string begin = _options.BeginOfSequence!;
        writer.WriteString("type", "TemplateProcessing");
        writer.WriteStartArray("single");
        WriteTemplateItem(writer, "SpecialToken", begin, 0);
        WriteTemplateItem(writer, "Sequence", "A", 0);
        writer.WriteEndArray();
        writer.WriteStartArray("pair");
        WriteTemplateItem(writer, "SpecialToken", begin, 0);
        WriteTemplateItem(writer, "Sequence", "A", 0);
        WriteTemplateItem(writer, "SpecialToken", begin, 1);
        WriteTemplateItem(writer, "Sequence", "B", 1);
        writer.WriteEndArray();
        writer.WriteStartObject("special_tokens");
        writer.WriteStartObject(begin);
        writer.WriteString("id", begin);
        writer.WriteStartArray("ids");
        writer.WriteNumberValue(SpecialId(_options.SpecialTokens.ToList().IndexOf(begin)));
        writer.WriteEndArray();
        writer.WriteStartArray("tokens");
        writer.WriteStringValue(begin);
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteTemplateItem(Utf8JsonWriter writer, string kind, string id, int typeId)
    {
        writer.WriteStartObject();
        writer.WriteStartObject(kind);
        writer.WriteString("id", id);
        writer.WriteNumber("type_id", typeId);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteModel(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteNull("unk_token");
        writer.WriteNull("continuing_subword_prefix");
        writer.WriteNull("end_of_word_suffix");
        writer.WriteBoolean("fuse_unk", false);
        writer.WriteBoolean("byte_fallback", false);
        writer.WriteBoolean("ignore_merges", false);
        writer.WriteStartObject("vocab");
        for (int id = 0; id < Tokens.Count; id++)
        {
            writer.WriteNumber(Tokens[id], id);
        }

        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach ((int left, int right) in Merges)
        {
            // The byte alphabet has no space, so the older spelling, which every version reads, is unambiguous.
            writer.WriteStringValue($"{Tokens[left]} {Tokens[right]}");
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private void WriteConfig(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteBoolean("add_bos_token", _options.AddsBeginOfSequence);
        writer.WriteBoolean("add_eos_token", false);
        writer.WriteString("bos_token", _options.BeginOfSequence);
        writer.WriteBoolean("clean_up_tokenization_spaces", false);
        writer.WriteString("eos_token", _options.EndOfSequence);
        writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        writer.WriteEndObject();
    }
}
