using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>Adapters that begin anew: PEFT's initial values, A uniform on ±1/√in, B zero.</summary>
public static class FreshAdapter
{
    /// <summary>Draws the adapter with which the clients of the round after <paramref name="round"/> begin: a function of (seed, round), so that no A need be sent.</summary>
    /// <param name="layout">The global adapter's tensors.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="round">The round just finished, from 1; the initial adapter of a run is not drawn here.</param>
    public static TensorSet Draw(TensorLayout layout, ulong seed, int round)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        var adapter = new TensorSet(layout);
        int index = 0;
        foreach (LoraPair pair in LoraNames.Pairs(layout))
        {
            var random = new CounterRandom(seed, RandomPurpose.LoraInitialization, round, step: index++);
            float bound = 1f / MathF.Sqrt(pair.Inputs);
            Span<float> a = adapter[pair.A];
            for (int i = 0; i < a.Length; i++)
            {
                a[i] = ((2f * random.Uniform((ulong)i)) - 1f) * bound;
            }
        }

        return adapter;
    }
}
