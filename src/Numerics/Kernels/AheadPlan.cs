namespace FedLLM.Numerics.Kernels;

/// <summary>Regions of memory that are asked for one after the other, an equal share by each of some tiles.</summary>
internal unsafe struct AheadPlan
{
    // The most bytes a tile asks for at each k, some 6 GB/s: more would keep its own reads waiting.
    private const nint MostStep = 24;

    private readonly nint _share;
    private readonly nint _step;
    private Region _now;
    private Region _then;
    private Region _last;

    /// <summary>Plans the regions for so many tiles of length <paramref name="k"/>; what would be too much for them is left out.</summary>
    public AheadPlan(Region now, Region then, Region last, int tiles, nint k)
    {
        _now = now;
        _then = then;
        _last = last;
        _share = Math.Min(((now.Bytes + then.Bytes + last.Bytes) / tiles) + 1, MostStep * k);
        _step = (_share / k) + 1;
    }

    /// <summary>What the next tile asks for.</summary>
    /// <param name="atHand">A place that is in the cache, for a tile that has nothing to ask for.</param>
    public Ahead Next(void* atHand)
    {
        for (int i = 0; i < 2 && _now.Bytes <= 0; i++)
        {
            _now = _then;
            _then = _last;
            _last = default;
        }

        if (_now.Bytes <= 0)
        {
            return Ahead.Nothing(atHand);
        }

        var next = new Ahead(_now.From, _step);
        _now = _now.Skip(_share);
        return next;
    }
}
