namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Reads the normalizer, pre_tokenizer and decoder entries of a <c>tokenizer.json</c>.</summary>
internal static class PipelineReader
{
    /// <summary>Reads the normalizer; null for none.</summary>
    public static INormalizer? Normalizer(JsonEntry entry)
    {
        if (entry.IsNull)
        {
            return null;
        }

        switch (Type(entry))
        {
            case "Sequence":
                entry.ExpectKeys("type", "normalizers");
                return new NormalizerSequence([.. entry["normalizers"].Items().Select(item => Normalizer(item) ?? throw item.Wrong("it is null"))]);
            case "NFC":
                entry.ExpectKeys("type");
                return new CanonicalComposition();
            case "Prepend":
                entry.ExpectKeys("type", "prepend");
                return new PrependNormalizer(entry["prepend"].AsString());
            case "Replace":
                entry.ExpectKeys("type", "pattern", "content");
                return new ReplaceNormalizer(Literal(entry["pattern"]), entry["content"].AsString());
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

    /// <summary>Reads the decoder.</summary>
    public static ITokenDecoder Decoder(JsonEntry entry)
    {
        if (entry.IsNull)
        {
            throw entry.Unsupported("there is no decoder, so tokens cannot be joined to the text they came from");
        }

        switch (Type(entry))
        {
            case "Sequence":
                entry.ExpectKeys("type", "decoders");
                return new DecoderSequence([.. entry["decoders"].Items().Select(Decoder)]);
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
                return new ReplaceDecoder(Literal(entry["pattern"]), entry["content"].AsString());
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
