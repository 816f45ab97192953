using FedLLM.Numerics;

namespace FedLLM.DemoData.Drawing;

/// <summary>Reads one counter-based stream in order: the choices of one document, or of one step of the dataset.</summary>
internal sealed class Draw
{
    private readonly CounterRandom _random;
    private ulong _position;

    /// <summary>Opens the stream of one part of the data: same seed, part and index, same choices.</summary>
    public Draw(ulong seed, DataPart part, long index = 0)
    {
        _random = new CounterRandom(seed, RandomPurpose.DataGeneration, (long)part, index);
    }

    /// <summary>Returns an integer uniform on [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)_random.Below((uint)bound, ref _position);

    /// <summary>Returns an integer uniform on [<paramref name="low"/>, <paramref name="high"/>], both ends included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>Returns true in <paramref name="percent"/> of 100 draws.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>Returns one of <paramref name="items"/>.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>Returns one of the texts given.</summary>
    public string Say(params ReadOnlySpan<string> texts) => texts[Below(texts.Length)];

    /// <summary>Returns <paramref name="count"/> items of different places in <paramref name="items"/>, in random order.</summary>
    public T[] Sample<T>(IEnumerable<T> items, int count)
    {
        T[] pool = [.. items];
        for (int i = 0; i < count; i++)
        {
            int j = i + Below(pool.Length - i);
            (pool[i], pool[j]) = (pool[j], pool[i]);
        }

        return pool[..count];
    }

    /// <summary>Returns all <paramref name="items"/> in random order.</summary>
    public T[] Shuffled<T>(IEnumerable<T> items)
    {
        T[] pool = [.. items];
        return Sample(pool, pool.Length);
    }
}
