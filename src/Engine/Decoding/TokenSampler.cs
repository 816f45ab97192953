using FedLLM.Numerics;

namespace FedLLM.Engine.Decoding;

/// <summary>
/// Chooses a token by its logits: the likeliest, or one drawn from softmax(logits / temperature), cut to the k largest logits and then to the smallest set whose
/// probabilities reach p (nucleus sampling; Holtzman et al., 2020). The order is transformers': temperature, top-k, top-p.
/// </summary>
/// <remarks>
/// Logits are compared before they are divided, so the temperature makes no ties. A logit of -∞ is never chosen. NaN, +∞ or nothing above -∞ is refused: softmax has
/// no meaning there, and the weights are at fault.
/// </remarks>
internal sealed class TokenSampler(GenerationSettings settings)
{
    private ulong[] _order = [];
    private int[] _kept = [];

    /// <summary>Chooses a token; <paramref name="u"/> in [0, 1) is the draw.</summary>
    /// <exception cref="ArithmeticException">A logit is NaN or +∞, or none is above -∞.</exception>
    public int Choose(ReadOnlySpan<float> logits, double u)
    {
        int likeliest = Likeliest(logits);
        if (settings.Temperature == 0)
        {
            return likeliest;
        }

        bool all = (settings.TopK == 0 || settings.TopK >= logits.Length) && settings.TopP >= 1;
        return Draw(logits, all ? All(logits.Length) : Kept(logits), likeliest, u);
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i]) || float.IsPositiveInfinity(logits[i]))
            {
                throw new ArithmeticException($"The logit of token {i} is {logits[i]}.");
            }

            if (logits[i] > logits[best])
            {
                best = i;
            }
        }

        return float.IsFinite(logits[best]) ? best : throw new ArithmeticException("No logit is above -∞.");
    }

    // Inverts the cumulative distribution of softmax(logits / temperature) over the given ids, in their order, at u.
    private int Draw(ReadOnlySpan<float> logits, ReadOnlySpan<int> ids, int likeliest, double u)
    {
        double max = logits[likeliest];
        double total = 0;
        foreach (int id in ids)
        {
            total += Weight(logits[id], max);
        }

        double remaining = u * total;
        foreach (int id in ids)
        {
            remaining -= Weight(logits[id], max);
            if (remaining < 0)
            {
                return id;
            }
        }

        return likeliest; // u so near 1 that rounding left nothing
    }

    private double Weight(float logit, double max) => ScalarMath.Exp((logit - max) / settings.Temperature);

    private ReadOnlySpan<int> All(int count)
    {
        if (_kept.Length != count)
        {
            _kept = [.. Enumerable.Range(0, count)];
        }

        return _kept;
    }

    // The ids that top-k and top-p leave, ascending.
    private ReadOnlySpan<int> Kept(ReadOnlySpan<float> logits)
    {
        int count = logits.Length;
        if (_order.Length != count)
        {
            _order = new ulong[count];
            _kept = new int[count];
        }

        for (int id = 0; id < count; id++)
        {
            _order[id] = ((ulong)~Ascending(logits[id]) << 32) | (uint)id;
        }

        Array.Sort(_order); // largest logit first, of equals the lower id
        int left = count;
        if (settings.TopK > 0 && settings.TopK < count)
        {
            left = settings.TopK;
            float least = logits[Id(left - 1)];
            while (left < count && logits[Id(left)] == least)
            {
                left++;
            }
        }

        if (settings.TopP < 1)
        {
            left = Nucleus(logits, left);
        }

        for (int i = 0; i < left; i++)
        {
            _kept[i] = Id(i);
        }

        Array.Sort(_kept, 0, left);
        return _kept.AsSpan(0, left);
    }

    private int Nucleus(ReadOnlySpan<float> logits, int left)
    {
        double max = logits[Id(0)];
        double total = 0;
        for (int i = 0; i < left; i++)
        {
            total += Weight(logits[Id(i)], max);
        }

        double sum = 0;
        int count = 0;
        while (count < left && sum < settings.TopP * total)
        {
            sum += Weight(logits[Id(count++)], max);
        }

        return count;
    }

    private int Id(int rank) => (int)(uint)_order[rank];

    // A float's bits as an unsigned number of the same order; -0 as 0.
    private static uint Ascending(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
    }
}
