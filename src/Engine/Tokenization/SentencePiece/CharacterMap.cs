using System.Buffers.Binary;
using System.Text;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>
/// The precompiled character map of a SentencePiece normalizer (nmt_nfkc and the like): a Darts-clone double array over UTF-8 keys whose values point
/// into a pool of NUL-terminated replacements (normalizer.cc, DecodePrecompiledCharsMap; darts.h, DoubleArrayUnit). Every index is checked.
/// </summary>
internal sealed class CharacterMap
{
    // Unicode's longest compatibility decomposition has 18 characters.
    private const int MaximumReplacementLength = 1024;

    private readonly uint[] _units;
    private readonly byte[] _pool;

    private CharacterMap(uint[] units, byte[] pool)
    {
        _units = units;
        _pool = pool;
    }

    /// <summary>Reads a map.</summary>
    /// <exception cref="InputFileException">Its sizes do not fit.</exception>
    public static CharacterMap Read(ReadOnlySpan<byte> blob, string path)
    {
        uint trieLength = blob.Length > 4 ? BinaryPrimitives.ReadUInt32LittleEndian(blob) : 0;
        if (trieLength == 0 || trieLength % 4 != 0 || trieLength >= blob.Length - 4)
        {
            throw new InputFileException(
                path, "normalizer_spec.precompiled_charsmap", "its sizes do not fit together", "Download the tokenizer again");
        }

        uint[] units = new uint[trieLength / 4];
        for (int i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(blob[(4 + (4 * i))..]);
        }

        ReadOnlySpan<byte> pool = blob[(int)(4 + trieLength)..];
        foreach (Range replacement in pool.Split((byte)0))
        {
            if (replacement.End.Value - replacement.Start.Value > MaximumReplacementLength)
            {
                throw new InputFileException(
                    path,
                    "normalizer_spec.precompiled_charsmap",
                    $"a replacement has more than {MaximumReplacementLength} bytes",
                    "Download the tokenizer again");
            }
        }

        return new CharacterMap(units, pool.ToArray());
    }

    /// <summary>Finds the longest rule whose key starts <paramref name="text"/> and ends between characters.</summary>
    /// <param name="text">Text without lone surrogates.</param>
    /// <param name="replacement">What stands in its place; invalid UTF-8 in the file becomes U+FFFD.</param>
    /// <returns>The key's length in UTF-16 characters, or 0 where no rule applies.</returns>
    public int Match(ReadOnlySpan<char> text, out string replacement)
    {
        int length = 0;
        int pointer = -1;
        uint node = Offset(_units[0]);
        Span<byte> utf8 = stackalloc byte[4];
        for (int i = 0; i < text.Length;)
        {
            Rune rune = MappedText.RuneAt(text, i, out int width);
            int bytes = rune.EncodeToUtf8(utf8);
            for (int b = 0; b < bytes; b++)
            {
                node ^= utf8[b];

                // Label: the low byte, with the top bit clear in a unit that is not a value.
                if (node >= (uint)_units.Length || (_units[node] & 0x800000FF) != utf8[b])
                {
                    return Replace(length, pointer, out replacement);
                }

                uint unit = _units[node];
                node ^= Offset(unit);
                if (b == bytes - 1 && (unit & 0x100) != 0 && node < (uint)_units.Length)
                {
                    length = i + width;
                    pointer = (int)(_units[node] & 0x7FFFFFFF);
                }
            }

            i += width;
        }

        return Replace(length, pointer, out replacement);
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private int Replace(int length, int pointer, out string replacement)
    {
        replacement = string.Empty;
        if (length == 0 || pointer >= _pool.Length)
        {
            return 0;
        }

        ReadOnlySpan<byte> rest = _pool.AsSpan(pointer);
        int end = rest.IndexOf((byte)0);
        replacement = Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
        return length;
    }
}
