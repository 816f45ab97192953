using System.Buffers.Binary;
using System.Text;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>Writes SentencePiece models by hand, field by field of sentencepiece_model.proto.</summary>
internal sealed class ModelBytes
{
    public const int Normal = 1;
    public const int Unknown = 2;
    public const int Control = 3;
    public const int UserDefined = 4;
    public const int Unused = 5;
    public const int Byte = 6;

    private readonly List<byte> _pieces = [];
    private readonly List<byte> _trainer = [];
    private readonly List<byte> _normalizer = [];

    public ModelBytes(bool isBytePair)
    {
        Varint(_trainer, 3, isBytePair ? 2u : 1u);
        Piece("<unk>", 0, Unknown);
        Piece("<s>", 0, Control);
        Piece("</s>", 0, Control);
    }

    /// <summary>Adds a piece; ids count from 3.</summary>
    public ModelBytes Piece(string text, float score, int type = Normal)
    {
        List<byte> piece = [];
        Bytes(piece, 1, Encoding.UTF8.GetBytes(text));
        byte[] bits = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bits, score);
        piece.Add((2 << 3) | 5);
        piece.AddRange(bits);
        Varint(piece, 3, (uint)type);
        Bytes(_pieces, 1, [.. piece]);
        return this;
    }

    /// <summary>Adds the 256 byte pieces.</summary>
    public ModelBytes BytePieces()
    {
        Varint(_trainer, 35, 1);
        for (int value = 0; value < 256; value++)
        {
            Piece($"<0x{value:X2}>", 0, Byte);
        }

        return this;
    }

    /// <summary>Sets the normalizer's flags.</summary>
    public ModelBytes Normalizer(bool addsDummyPrefix, bool removesExtraWhitespaces, byte[]? charsmap = null)
    {
        if (charsmap is not null)
        {
            Bytes(_normalizer, 2, charsmap);
        }

        Varint(_normalizer, 3, addsDummyPrefix ? 1u : 0);
        Varint(_normalizer, 4, removesExtraWhitespaces ? 1u : 0);
        return this;
    }

    public byte[] ToArray()
    {
        List<byte> model = [.. _pieces];
        Bytes(model, 2, [.. _trainer]);
        Bytes(model, 3, [.. _normalizer]);
        return [.. model];
    }

    /// <summary>
    /// A precompiled character map: a double array in which each node's children have a block of 256 units of their own, then the replacements.
    /// </summary>
    public static byte[] Charsmap(params (string Key, string Value)[] rules)
    {
        List<uint> units = [.. new uint[256]];
        List<byte> pool = [];
        Dictionary<string, int> nodes = new() { [string.Empty] = 0 };
        foreach ((string key, string value) in rules)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(key);
            string prefix = string.Empty;
            for (int i = 0; i < bytes.Length; i++)
            {
                int parent = nodes[prefix];
                prefix += (char)bytes[i];
                if (!nodes.ContainsKey(prefix))
                {
                    int child = Block(units, parent) + bytes[i];
                    units[child] |= bytes[i];
                    nodes[prefix] = child;
                }
            }

            int last = nodes[prefix];
            units[Block(units, last)] = 0x80000000 | (uint)pool.Count;
            units[last] |= 0x100;
            pool.AddRange(Encoding.UTF8.GetBytes(value));
            pool.Add(0);
        }

        byte[] blob = new byte[4 + (4 * units.Count)];
        BinaryPrimitives.WriteInt32LittleEndian(blob, 4 * units.Count);
        for (int i = 0; i < units.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(blob.AsSpan(4 + (4 * i)), units[i]);
        }

        return [.. blob, .. pool];
    }

    // The first unit of a node's children; the unit holds it relative to the node's own index.
    private static int Block(List<uint> units, int node)
    {
        uint offset = units[node] >> 10;
        if (offset == 0)
        {
            offset = (uint)(units.Count ^ node);
            units[node] |= offset << 10;
            units.AddRange(new uint[256]);
        }

        return (int)(offset ^ (uint)node);
    }

    private static void Varint(List<byte> output, int field, uint value)
    {
        Number(output, (uint)field << 3);
        Number(output, value);
    }

    private static void Bytes(List<byte> output, int field, byte[] value)
    {
        Number(output, ((uint)field << 3) | 2);
        Number(output, (uint)value.Length);
        output.AddRange(value);
    }

    private static void Number(List<byte> output, uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            output.Add((byte)(value | 0x80));
        }

        output.Add((byte)value);
    }
}
