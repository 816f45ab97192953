namespace FedLLM.Numerics.Kernels;

/// <summary>A stretch of memory that is asked for and perhaps never read: it need not even exist.</summary>
/// <param name="from">Its first byte.</param>
/// <param name="bytes">Its length; below 1 for nothing.</param>
internal readonly unsafe struct Region(void* from, nint bytes)
{
    /// <summary>The first byte.</summary>
    public byte* From => (byte*)from;

    /// <summary>The length.</summary>
    public nint Bytes => bytes;

    /// <summary>The part that falls to the parts first … last - 1 of <paramref name="of"/> equal ones.</summary>
    public Region Share(nint first, nint last, nint of)
    {
        nint start = first * bytes / of;
        return new Region(From + start, (last * bytes / of) - start);
    }

    /// <summary>The region less its first bytes.</summary>
    public Region Skip(nint count) => new(From + count, bytes - count);
}
