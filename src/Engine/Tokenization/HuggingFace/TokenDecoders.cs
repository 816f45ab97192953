using System.Globalization;
using System.Text;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>The text of a token on its way back to plain text.</summary>
/// <param name="Text">The text so far.</param>
/// <param name="IsVerbatim">Whether it is an added token's content, which is plain text already.</param>
internal readonly record struct TokenText(string Text, bool IsVerbatim);

/// <summary>Rewrites the texts of tokens; what is left at the end is joined.</summary>
internal interface ITokenDecoder
{
    /// <summary>Rewrites the texts.</summary>
    List<TokenText> Apply(List<TokenText> tokens);
}

/// <summary>Applies decoders one after the other (Sequence).</summary>
internal sealed class DecoderSequence(IReadOnlyList<ITokenDecoder> steps) : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens) => steps.Aggregate(tokens, (texts, step) => step.Apply(texts));
}

/// <summary>
/// Turns the characters of the byte alphabet back to bytes and these to text (ByteLevel). A token with another character stands for its own UTF-8. An
/// added token always does, where the original reads those characters of it that are in the alphabet as bytes.
/// </summary>
internal sealed class ByteLevelDecoder : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens)
    {
        List<byte> bytes = [];
        foreach ((string text, bool isVerbatim) in tokens)
        {
            int start = bytes.Count;
            bool isBytes = !isVerbatim;
            for (int i = 0; i < text.Length && isBytes; i++)
            {
                isBytes = ByteAlphabet.TryToByte(text[i], out byte value);
                bytes.Add(value);
            }

            if (!isBytes)
            {
                bytes.RemoveRange(start, bytes.Count - start);
                bytes.AddRange(Encoding.UTF8.GetBytes(text));
            }
        }

        return [new TokenText(Encoding.UTF8.GetString([.. bytes]), false)];
    }
}

/// <summary>Turns runs of byte tokens (&lt;0xHH&gt;) to text; a run that is not valid UTF-8 becomes one U+FFFD a byte (ByteFallback).</summary>
internal sealed class ByteFallbackDecoder : ITokenDecoder
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens)
    {
        List<TokenText> result = [];
        List<byte> run = [];
        foreach (TokenText token in tokens)
        {
            if (!token.IsVerbatim && IsByte(token.Text, out byte value))
            {
                run.Add(value);
            }
            else
            {
                Flush(run, result);
                result.Add(token);
            }
        }

        Flush(run, result);
        return result;
    }

    private static bool IsByte(string text, out byte value)
    {
        value = 0;
        return text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
            && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private static void Flush(List<byte> run, List<TokenText> result)
    {
        if (run.Count == 0)
        {
            return;
        }

        try
        {
            result.Add(new TokenText(StrictUtf8.GetString([.. run]), false));
        }
        catch (DecoderFallbackException)
        {
            result.Add(new TokenText(new string('\uFFFD', run.Count), false));
        }

        run.Clear();
    }
}

/// <summary>Replaces every occurrence of a text in each token (Replace).</summary>
internal sealed class ReplaceDecoder(string pattern, string content) : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens) =>
        tokens.ConvertAll(token => token with { Text = token.Text.Replace(pattern, content, StringComparison.Ordinal) });
}

/// <summary>Joins all tokens to one (Fuse).</summary>
internal sealed class FuseDecoder : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens) => [new TokenText(string.Concat(tokens.Select(token => token.Text)), false)];
}

/// <summary>Takes up to so many occurrences of a character off the start and the end of each token (Strip).</summary>
internal sealed class StripDecoder(string content, int start, int stop) : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens) => tokens.ConvertAll(token => token with { Text = Strip(token.Text) });

    private string Strip(string text)
    {
        int from = 0;
        for (int i = 0; i < start && text.AsSpan(from).StartsWith(content, StringComparison.Ordinal); i++)
        {
            from += content.Length;
        }

        int to = text.Length;
        for (int i = 0; i < stop && text.AsSpan(from, to - from).EndsWith(content, StringComparison.Ordinal); i++)
        {
            to -= content.Length;
        }

        return text[from..to];
    }
}

/// <summary>Turns the symbol back to spaces; in the first token it is dropped where the encoder may have added it (Metaspace).</summary>
internal sealed class MetaspaceDecoder(char replacement, bool dropsFirst) : ITokenDecoder
{
    /// <inheritdoc/>
    public List<TokenText> Apply(List<TokenText> tokens)
    {
        List<TokenText> result = new(tokens.Count);
        foreach (TokenText token in tokens)
        {
            bool drops = dropsFirst && result.Count == 0;
            string text = drops ? token.Text.Replace(replacement.ToString(), string.Empty) : token.Text.Replace(replacement, ' ');
            result.Add(token with { Text = text });
        }

        return result;
    }
}
