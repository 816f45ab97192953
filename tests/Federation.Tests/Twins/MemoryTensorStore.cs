using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Twins;

/// <summary>A tensor store in memory; it keeps copies, as files would, and says what was read from it.</summary>
internal sealed class MemoryTensorStore : ITensorStore
{
    private readonly Dictionary<string, TensorSet> _tensors = [];

    /// <summary>The hashes read, in order.</summary>
    public List<string> Reads { get; } = [];

    /// <summary>A hash that can be read no more, or null.</summary>
    public string? Broken { get; set; }

    public string Put(TensorSet tensors)
    {
        string hash = HashOf(tensors);
        _tensors.TryAdd(hash, tensors.Clone());
        return hash;
    }

    public TensorSet Get(string hash)
    {
        Reads.Add(hash);
        return hash != Broken && _tensors.TryGetValue(hash, out TensorSet? tensors)
            ? tensors.Clone()
            : throw new IOException($"Nothing is stored under {hash}.");
    }

    public bool TryGet(string hash, TensorSet into)
    {
        TensorSet stored = Get(hash);
        bool fits = stored.Layout.Equals(into.Layout);
        if (fits)
        {
            stored.Values.CopyTo(into.Values, 0);
        }

        return fits;
    }

    public static string HashOf(TensorSet tensors)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        foreach (TensorSlot slot in tensors.Layout.Slots)
        {
            digest.AppendData(Encoding.UTF8.GetBytes($"{slot.Name}[{string.Join(',', slot.Shape)}]\n"));
            foreach (float value in tensors[slot])
            {
                BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
                digest.AppendData(bytes);
            }
        }

        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }
}
