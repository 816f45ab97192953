using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace FedLLM.Federation.Aggregation;

/// <summary>
/// A partial sum as bytes, so that machines can each sum some of a round's members and merge exactly: the scale of every tensor, Σ weight, which members are in it, and
/// the sums. Equal sums are equal bytes.
/// </summary>
/// <remarks>
/// Little-endian: "FLPSUM1\n"; SHA-256 of the plan; numbers of tensors, members and elements (int32 each); the exponents e of the units 2^-e (int32 each); Σ weight (int64);
/// a bit for each member in ascending order of their ids, lowest bits first; the sums (int64 each); SHA-256 of all that stands before it.
/// Only a reader with the same plan takes it, and the plan says how long it must be before anything is read.
/// </remarks>
internal static class PartialSumFormat
{
    private const int Chunk = 1 << 14; // sums written or read at a time

    private static ReadOnlySpan<byte> Magic => "FLPSUM1\n"u8;

    /// <summary>Writes a sum.</summary>
    public static void Write(Stream stream, FixedPointPlan plan, long weight, ReadOnlySpan<bool> added, ReadOnlySpan<long> sums)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(Header(plan));
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, weight);
        Append(number);
        Append(Bits(added));
        var bytes = new byte[Chunk * sizeof(long)];
        for (int begin = 0; begin < sums.Length; begin += Chunk)
        {
            ReadOnlySpan<long> some = sums[begin..Math.Min(sums.Length, begin + Chunk)];
            for (int i = 0; i < some.Length; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), some[i]);
            }

            Append(bytes.AsSpan(0, some.Length * sizeof(long)));
        }

        stream.Write(hash.GetHashAndReset());

        void Append(ReadOnlySpan<byte> part)
        {
            stream.Write(part);
            hash.AppendData(part);
        }
    }

    /// <summary>Reads a sum of <paramref name="plan"/> into the caller's arrays and returns its Σ weight.</summary>
    /// <exception cref="InvalidDataException">The bytes are cut off, damaged, of another plan, or hold what no sum of the plan can.</exception>
    public static long Read(Stream stream, FixedPointPlan plan, Span<bool> added, Span<long> sums)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] expected = Header(plan);
        if (!Take(expected.Length).AsSpan().SequenceEqual(expected))
        {
            throw new InvalidDataException("It is no partial sum of this round's members.");
        }

        long weight = BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));
        byte[] bits = Take((added.Length + 7) / 8);
        for (int i = 0; i < added.Length; i++)
        {
            added[i] = (bits[i / 8] >> (i % 8) & 1) != 0;
        }

        for (int begin = 0; begin < sums.Length; begin += Chunk)
        {
            int count = Math.Min(Chunk, sums.Length - begin);
            byte[] bytes = Take(count * sizeof(long));
            for (int i = 0; i < count; i++)
            {
                sums[begin + i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * sizeof(long)));
            }
        }

        byte[] computed = hash.GetHashAndReset();
        if (!Take(computed.Length).AsSpan().SequenceEqual(computed))
        {
            throw new InvalidDataException("The partial sum does not have its SHA-256: it is damaged.");
        }

        if (!Bits(added).AsSpan().SequenceEqual(bits) || weight != WeightOf(plan, added) || !IsPossible(plan, added, sums))
        {
            throw new InvalidDataException("The partial sum holds what its members' updates cannot add up to.");
        }

        return weight;

        byte[] Take(int count)
        {
            var bytes = new byte[count];
            if (stream.ReadAtLeast(bytes, count, throwOnEndOfStream: false) < count)
            {
                throw new InvalidDataException("The partial sum is cut off.");
            }

            hash.AppendData(bytes);
            return bytes;
        }
    }

    private static long WeightOf(FixedPointPlan plan, ReadOnlySpan<bool> added)
    {
        long weight = 0;
        for (int i = 0; i < added.Length; i++)
        {
            weight += added[i] ? plan.WeightAt(i) : 0;
        }

        return weight;
    }

    // What one member adds is bounded by what it declared, which also keeps merged sums from overflowing.
    private static bool IsPossible(FixedPointPlan plan, ReadOnlySpan<bool> added, ReadOnlySpan<long> sums)
    {
        for (int j = 0; j < plan.Layout.Slots.Count; j++)
        {
            double bound = 0;
            for (int i = 0; i < added.Length; i++)
            {
                bound += added[i] ? Math.ScaleB((double)plan.WeightAt(i) * plan.BoundAt(i, j), plan.Exponents[j]) + 0.5 : 0;
            }

            bound *= 1 + 1e-9; // the bound's own rounding
            foreach (long sum in sums.Slice(plan.Layout.Slots[j].Offset, plan.Layout.Slots[j].Count))
            {
                if (!(Math.Abs((double)sum) <= bound))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static byte[] Bits(ReadOnlySpan<bool> added)
    {
        var bits = new byte[(added.Length + 7) / 8];
        for (int i = 0; i < added.Length; i++)
        {
            bits[i / 8] |= (byte)(added[i] ? 1 << (i % 8) : 0);
        }

        return bits;
    }

    private static byte[] Header(FixedPointPlan plan)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        writer.Write(Magic);
        writer.Write(Digest(plan));
        writer.Write(plan.Layout.Slots.Count);
        writer.Write(plan.Count);
        writer.Write(plan.Layout.Count);
        foreach (int exponent in plan.Exponents)
        {
            writer.Write(exponent);
        }

        writer.Flush();
        return bytes.ToArray();
    }

    // Everything that FixedPointPlan.Matches compares.
    private static byte[] Digest(FixedPointPlan plan)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes, Encoding.UTF8);
        for (int i = 0; i < plan.Count; i++)
        {
            writer.Write(plan.ClientAt(i));
            writer.Write(plan.WeightAt(i));
        }

        for (int j = 0; j < plan.Layout.Slots.Count; j++)
        {
            writer.Write(plan.Layout.Slots[j].Name);
            writer.Write(plan.Layout.Slots[j].Shape.Count);
            foreach (int dimension in plan.Layout.Slots[j].Shape)
            {
                writer.Write(dimension);
            }

            writer.Write(plan.Exponents[j]);
        }

        writer.Flush();
        return SHA256.HashData(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }
}
