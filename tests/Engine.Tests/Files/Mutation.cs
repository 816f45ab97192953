using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Files;

/// <summary>Damages bytes, the same way each time for the same case number.</summary>
internal static class Mutation
{
    private static readonly byte[][] Pieces =
    [
        .. new[]
        {
            "\"", "{", "}", "[", "]", ",", ":", "-", "0", "9", "1e9", "-1", "null", "true", "\\ud800", "\\u0000", "\\", "\n", "18446744073709551616", "9223372036854775807",
            "2147483647", "4294967296", "1024", "\"F64\"", "\"BF16\"", "\"I64\"", "\"a\":1,", "[[[[[[[[", "../", "1.5", "__metadata__", "\uFEFF",
        }.Select(System.Text.Encoding.UTF8.GetBytes),
        [0xFF], [0xC3], [0x00], [0xED, 0xA0, 0x80],
    ];

    /// <summary>Applies one to four mutations: bits, bytes, pieces of JSON, ranges dropped, doubled or moved, the end cut off.</summary>
    public static byte[] Apply(byte[] original, int number, ulong seed)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration, step: number);
        ulong position = 0;
        var bytes = new List<byte>(original);
        for (uint left = 1 + random.Below(4, ref position); left > 0 && bytes.Count > 0; left--)
        {
            int at = (int)random.Below((uint)bytes.Count, ref position);
            int length = (int)Math.Min(1 + random.Below(12, ref position), (uint)(bytes.Count - at));
            byte[] piece = Pieces[random.Below((uint)Pieces.Length, ref position)];
            switch (random.Below(9, ref position))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << (int)random.Below(8, ref position));
                    break;
                case 1:
                    bytes[at] = (byte)random.Below(256, ref position);
                    break;
                case 2:
                    bytes.InsertRange(at, piece);
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    bytes.InsertRange(at, piece);
                    break;
                case 4:
                    bytes.RemoveRange(at, length);
                    break;
                case 5:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 6:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 7:
                    int from = (int)random.Below((uint)(bytes.Count - length + 1), ref position);
                    bytes.InsertRange(at, bytes.GetRange(from, length));
                    break;
                default:
                    // The length of a safetensors header, or the first key of a JSON file.
                    bytes[Math.Min(at % 8, bytes.Count - 1)] = (byte)random.Below(256, ref position);
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Changes one digit of the text to another: the file stays well-formed, its numbers no longer agree.</summary>
    public static byte[] ChangeDigit(byte[] original, int number, ulong seed, int end)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration, step: number);
        ulong position = 0;
        byte[] bytes = [.. original];
        int[] digits = [.. Enumerable.Range(0, end).Where(i => char.IsAsciiDigit((char)bytes[i]))];
        bytes[digits[random.Below((uint)digits.Length, ref position)]] = (byte)('0' + random.Below(10, ref position));
        return bytes;
    }
}
