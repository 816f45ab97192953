using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Reads the normalizer, pre_tokenizer and decoder entries of a <c>tokenizer.json</c>.</summary>
internal static class PipelineReader
{
    // Replacements upon replacements could grow a text without bound.
    private const double MaximumGrowth = 1024;

    /// <summary>Reads the normalizer; null for none.</summary>
    public static INormalizer? Normalizer(JsonEntry entry)
    {
        double growth = 1;
        INormalizer? normalizer = Normalizer(entry, ref growth);
        return growth <= MaximumGrowth ? normalizer : throw TooMuchGrowth(entry);
    }

    /// <summary>Reads the decoder.</summary>
    public static ITokenDecoder Decoder(JsonEntry entry)
    {
        double growth = 1;
        ITokenDecoder decoder = Decoder(entry, ref growth);
        return growth <= MaximumGrowth ? decoder : throw TooMuchGrowth(entry);
    }

    private static InputFileException TooMuchGrowth(JsonEntry entry) =>
        entry.Unsupported("its replacements could make a text a thousand times as long");

    // How many times as long a text can become, a first character counting as a text.
    private static double ReplaceGrowth(string pattern, string content) => Math.Max(1, (double)content.Length / pattern.Length);

    private static INormalizer? Normalizer(JsonEntry entry, ref double growth)
    {
        if (entry.IsNull)
        {
            return null;
        }

        switch (Type(entry))
        {
            case "Sequence":
                entry.ExpectKeys("type", "normalizers");
                List<INormalizer> steps = [];
                foreach (JsonEntry item in entry["normalizers"].Items())
                {
                    steps.Add(Normalizer(item, ref growth) ?? throw item.Wrong("it is null"));
                }

                return new NormalizerSequence(steps);
            case "NFC":
                entry.ExpectKeys("type");
                return new CanonicalComposition();
            case "Prepend":
                entry.ExpectKeys("type", "prepend");
                string prefix = entry["prepend"].AsString();
                growth *= 1 + prefix.Length;
                return new PrependNormalizer(prefix);
            case "Replace":
                entry.ExpectKeys("type", "pattern", "content");
                (string pattern, string content) = (Literal(entry["pattern"]), entry["content"].AsString());
                growth *= ReplaceGrowth(pattern, content);
                return new ReplaceNormalizer(pattern, content);
            default:
                throw entry["type"].Unsupported("this normalizer is not supported");
        }
    }

    /// <summary>Reads the pre-tokenizer; null for none.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="isByteLevel">Whether words come out in the byte alphabet.</param>
    public static IPreTokenizer? PreTokenizer(JsonEntry entry, out bool isByteLevel)
    {
        isByteLevel = false;
        if (entry.IsNull)
        {
            return null;
        }

        switch (Type(entry))
        {
            case "Sequence":
                entry.ExpectKeys("type", "pretokenizers");
                List<IPreTokenizer> steps = [];
                foreach (JsonEntry item in entry["pretokenizers"].Items())
                {
                    steps.Add(PreTokenizer(item, out bool stepIsByteLevel) ?? throw item.Wrong("it is null"));
                    isByteLevel |= stepIsByteLevel;
                }

                return new PreTokenizerSequence(steps);
            case "ByteLevel":
                // trim_offsets concerns the original's offsets only; ours cover the whole text.
                entry.ExpectKeys("type", "add_prefix_space", "trim_offsets", "use_regex");
                isByteLevel = true;
                return new ByteLevelPreTokenizer(entry["add_prefix_space"].AsBool(true), entry["use_regex"].AsBool(true));
            case "Digits":
                entry.ExpectKeys("type", "individual_digits");
                SplitBehavior digits = entry["individual_digits"].AsBool(false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous;
                return new SplitPreTokenizer(new NumericPattern(), digits, invert: false);
            case "Split":
                entry.ExpectKeys("type", "pattern", "behavior", "invert");
                return new SplitPreTokenizer(Pattern(entry["pattern"]), Behavior(entry["behavior"]), entry["invert"].AsBool(false));
            case "Metaspace":
                entry.ExpectKeys("type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep");
                return new MetaspacePreTokenizer(Replacement(entry), Scheme(entry), entry["split"].AsBool(true));
            default:
                throw entry["type"].Unsupported("this pre-tokenizer is not supported");
        }
    }

    private static ITokenDecoder Decoder(JsonEntry entry, ref double growth)
    {
        if (entry.IsNull)
        {
            throw entry.Unsupported("there is no decoder, so tokens cannot be joined to the text they came from");
        }

        switch (Type(entry))
        {
            case "Sequence":
                entry.ExpectKeys("type", "decoders");
                List<ITokenDecoder> steps = [];
                foreach (JsonEntry item in entry["decoders"].Items())
                {
                    steps.Add(Decoder(item, ref growth));
                }

                return new DecoderSequence(steps);
            case "ByteLevel":
                entry.ExpectKeys("type", "add_prefix_space", "trim_offsets", "use_regex");
                return new ByteLevelDecoder();
            case "ByteFallback":
                entry.ExpectKeys("type");
                return new ByteFallbackDecoder();
            case "Fuse":
                entry.ExpectKeys("type");
                return new FuseDecoder();
            case "Strip":
                entry.ExpectKeys("type", "content", "start", "stop");
                return new StripDecoder(
                    entry["content"].AsCharacter(), entry["start"].AsCount(int.MaxValue), entry["stop"].AsCount(int.MaxValue));
            case "Replace":
                entry.ExpectKeys("type", "pattern", "content");
                (string pattern, string content) = (Literal(entry["pattern"]), entry["content"].AsString());
                growth *= ReplaceGrowth(pattern, content);
                return new ReplaceDecoder(pattern, content);
            case "Metaspace":
                entry.ExpectKeys("type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep");
                return new MetaspaceDecoder(Replacement(entry), Scheme(entry) != PrependScheme.Never);
            default:
                throw entry["type"].Unsupported("this decoder is not supported");
        }
    }

    private static string Type(JsonEntry entry) => entry["type"].AsString();

    private static string Literal(JsonEntry pattern)
    {
        if (!pattern["Regex"].IsNull)
        {
            throw pattern["Regex"].Unsupported("a regular expression is not supported here");
        }

        pattern.ExpectKeys("String");
        string text = pattern["String"].AsString();
        return text.Length > 0 ? text : throw pattern["String"].Wrong("the text to look for is empty");
    }

    private static ISplitPattern Pattern(JsonEntry pattern)
    {
        JsonEntry regex = pattern["Regex"];
        if (regex.IsNull)
        {
            return new LiteralPattern(Literal(pattern));
        }

        pattern.ExpectKeys("Regex");
        return SplitPatterns.Find(regex.AsString())
            ?? throw regex.Unsupported("this regular expression is none of those known (GPT-2, Llama 3, Qwen2)");
    }

    private static SplitBehavior Behavior(JsonEntry entry) => entry.AsString() switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        _ => throw entry.Unsupported("this behavior is not known"),
    };

    private static char Replacement(JsonEntry entry) =>
        entry["replacement"].AsCharacter() is [char single] ? single : throw entry["replacement"].Unsupported("the character is beyond U+FFFF");

    private static PrependScheme Scheme(JsonEntry entry)
    {
        JsonEntry scheme = entry["prepend_scheme"];
        PrependScheme? named = scheme.IsNull ? null : scheme.AsString() switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw scheme.Unsupported("this scheme is not known"),
        };
        bool? adds = entry["add_prefix_space"].AsBool();
        return adds == false && named is not (null or PrependScheme.Never)
            ? throw scheme.Wrong("the scheme contradicts add_prefix_space")
            : adds == false ? PrependScheme.Never : named ?? PrependScheme.Always;
    }
}
