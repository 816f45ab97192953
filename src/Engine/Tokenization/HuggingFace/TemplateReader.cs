namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Reads the post_processor entry of a <c>tokenizer.json</c>: which token goes before, and which after, every text.</summary>
internal static class TemplateReader
{
    /// <summary>Reads the entry; the ids are null where there is no such token.</summary>
    public static (int? Prefix, int? Suffix) Read(JsonEntry entry)
    {
        if (entry.IsNull)
        {
            return (null, null);
        }

        switch (entry["type"].AsString())
        {
            case "ByteLevel":
                // It adjusts offsets only.
                entry.ExpectKeys("type", "add_prefix_space", "trim_offsets", "use_regex");
                return (null, null);
            case "TemplateProcessing":
                entry.ExpectKeys("type", "single", "pair", "special_tokens");
                return ReadTemplate(entry);
            case "Sequence":
                entry.ExpectKeys("type", "processors");
                (int? Prefix, int? Suffix) result = (null, null);
                foreach (JsonEntry item in entry["processors"].Items())
                {
                    (int? prefix, int? suffix) = Read(item);
                    if ((prefix is not null && result.Prefix is not null) || (suffix is not null && result.Suffix is not null))
                    {
                        throw item.Unsupported("a second template on top of the first is not supported");
                    }

                    result = (prefix ?? result.Prefix, suffix ?? result.Suffix);
                }

                return result;
            default:
                throw entry["type"].Unsupported("this post-processor is not supported");
        }
    }

    private static (int? Prefix, int? Suffix) ReadTemplate(JsonEntry entry)
    {
        int? prefix = null;
        int? suffix = null;
        bool hasText = false;
        foreach (JsonEntry item in entry["single"].Items())
        {
            item.ExpectKeys("SpecialToken", "Sequence");
            if (item["SpecialToken"] is { IsNull: false } special)
            {
                int id = SpecialId(entry["special_tokens"], special["id"].AsString(), special);
                if ((hasText ? suffix : prefix) is not null)
                {
                    throw special.Unsupported("more than one token before or after the text is not supported");
                }

                prefix = hasText ? prefix : id;
                suffix = hasText ? id : suffix;
            }
            else
            {
                JsonEntry name = item["Sequence"]["id"];
                if (hasText || name.AsString() != "A")
                {
                    throw name.Unsupported("a template other than of one text is not supported");
                }

                hasText = true;
            }
        }

        return hasText ? (prefix, suffix) : throw entry["single"].Wrong("the template leaves out the text");
    }

    private static int SpecialId(JsonEntry specialTokens, string name, JsonEntry use)
    {
        JsonEntry token = specialTokens[name];
        if (token.IsNull)
        {
            throw use.Wrong("the token is not among special_tokens");
        }

        int[] ids = [.. token["ids"].Items().Take(2).Select(id => id.AsCount(TokenizerJsonFile.MaximumId))];
        return ids.Length == 1 ? ids[0] : throw use.Unsupported("a special token of several ids is not supported");
    }
}
