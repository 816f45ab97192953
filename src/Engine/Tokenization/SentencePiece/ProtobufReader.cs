using System.Buffers.Binary;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>How a protobuf field is stored (protobuf encoding guide, "Message structure"); groups (3 and 4) are refused.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// <summary>Reads the fields of one protobuf message in place: every length is checked against the message before it is used.</summary>
internal ref struct ProtobufReader
{
    private readonly ReadOnlySpan<byte> _data;
    private readonly string _path;
    private readonly int _origin;
    private int _position;
    private WireType _wire;

    /// <summary>Reads a message.</summary>
    /// <param name="data">Its bytes.</param>
    /// <param name="path">The file, for errors.</param>
    /// <param name="origin">Where in the file it starts, for errors.</param>
    public ProtobufReader(ReadOnlySpan<byte> data, string path, int origin)
    {
        _data = data;
        _path = path;
        _origin = origin;
    }

    /// <summary>Where in the file the next byte is.</summary>
    public readonly int Offset => _origin + _position;

    /// <summary>Moves to the next field; false at the end of the message.</summary>
    public bool TryReadField(out int field)
    {
        field = 0;
        if (_position == _data.Length)
        {
            return false;
        }

        ulong key = ReadRawVarint();
        if (key >> 3 is 0 or > 0x1FFFFFFF || (key & 7) is not (0 or 1 or 2 or 5))
        {
            throw Damaged("a field key is not valid");
        }

        field = (int)(key >> 3);
        _wire = (WireType)(key & 7);
        return true;
    }

    /// <summary>Reads the current field as an integer or a truth value.</summary>
    public ulong ReadVarint()
    {
        Expect(WireType.Varint);
        return ReadRawVarint();
    }

    /// <summary>Reads the current field as a float.</summary>
    public float ReadFloat()
    {
        Expect(WireType.Fixed32);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    /// <summary>Reads the current field as bytes, a string or a message.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        Expect(WireType.Bytes);
        return TakeSized();
    }

    /// <summary>Passes over the current field.</summary>
    public void Skip()
    {
        switch (_wire)
        {
            case WireType.Varint:
                ReadRawVarint();
                break;
            case WireType.Fixed64:
                Take(8);
                break;
            case WireType.Fixed32:
                Take(4);
                break;
            default:
                TakeSized();
                break;
        }
    }

    /// <summary>The error for a defect at the current place.</summary>
    public readonly InputFileException Damaged(string problem) =>
        new(_path, $"byte {Offset}", problem, "Check that the file is a complete SentencePiece model, or download it again");

    private readonly void Expect(WireType wire)
    {
        if (_wire != wire)
        {
            throw Damaged("a field has the wrong type");
        }
    }

    private ReadOnlySpan<byte> TakeSized()
    {
        ulong length = ReadRawVarint();
        return length <= (ulong)(_data.Length - _position)
            ? Take((int)length)
            : throw Damaged("a length reaches past the end");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _data.Length - _position)
        {
            throw Damaged("the file ends inside a field");
        }

        ReadOnlySpan<byte> bytes = _data.Slice(_position, length);
        _position += length;
        return bytes;
    }

    private ulong ReadRawVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Damaged("an integer has more than ten bytes");
    }
}
