using FedLLM.Federation.Lora;
using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// The clients' half of <see cref="Scaffold"/>: pure functions over the tensors that clients train and share. c comes with the round's instruction; c_i is the
/// client's own, zero before its first round, and persists with the client; c_i+ - c_i goes up with the update.
/// </summary>
/// <remarks>
/// As OpenFedLLM computes them: after every optimizer step k, p ← p - η_k (c - c_i); at the end c_i+ = (w^t - w_i) / Σ η_k - (c - c_i), which is
/// option II of the paper, c_i - c + (w^t - w_i) / (K η), where the rate is the same in all K steps. With one that changes from step to step and plain SGD,
/// w^t - w_i = Σ η_k (g_k + c - c_i), so c_i+ is the mean of the gradients g_k weighted by the rates that they moved the parameters with.
/// </remarks>
public static class ControlVariates
{
    /// <summary>
    /// Returns the name of c_i among a client's private states: one for each set of factors that a method uploads, so that methods that alternate keep both halves.
    /// </summary>
    public static string PrivateName(LoraFactors uploaded) => uploaded switch
    {
        LoraFactors.A => "c_A",
        LoraFactors.B => "c_B",
        _ => "c",
    };

    /// <summary>Returns c - c_i; null stands for zero.</summary>
    /// <exception cref="ArgumentException">The two have different tensors.</exception>
    public static TensorSet Correction(TensorLayout layout, TensorSet? global, TensorSet? own)
    {
        ArgumentNullException.ThrowIfNull(layout);
        RequireLayout(layout, global);
        RequireLayout(layout, own);
        var correction = new TensorSet(layout);
        for (int i = 0; i < correction.Values.Length; i++)
        {
            correction.Values[i] = (global?.Values[i] ?? 0) - (own?.Values[i] ?? 0);
        }

        return correction;
    }

    /// <summary>Takes the correction's share of a step: p ← p - η · correction.</summary>
    /// <param name="parameters">p of the tensors of <paramref name="correction"/>, in its order; changed in place.</param>
    /// <param name="correction">c - c_i.</param>
    /// <param name="learningRate">η_k, the step's own rate.</param>
    public static void Apply(Span<float> parameters, TensorSet correction, double learningRate)
    {
        ArgumentNullException.ThrowIfNull(correction);
        ArgumentOutOfRangeException.ThrowIfNotEqual(parameters.Length, correction.Values.Length, nameof(parameters));
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i] = (float)(parameters[i] - (learningRate * correction.Values[i]));
        }
    }

    /// <summary>Returns c_i+ = -delta / Σ η_k - (c - c_i).</summary>
    /// <param name="delta">w_i - w^t.</param>
    /// <param name="correction">c - c_i.</param>
    /// <param name="rates">Σ η_k over the round's optimizer steps, positive; K · η where they all have the rate η.</param>
    public static TensorSet Next(TensorSet delta, TensorSet correction, double rates)
    {
        ArgumentNullException.ThrowIfNull(delta);
        ArgumentNullException.ThrowIfNull(correction);
        RequireLayout(delta.Layout, correction);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rates);
        var next = new TensorSet(delta.Layout);
        for (int i = 0; i < next.Values.Length; i++)
        {
            next.Values[i] = (float)((-delta.Values[i] / rates) - correction.Values[i]);
        }

        return next;
    }

    private static void RequireLayout(TensorLayout layout, TensorSet? tensors)
    {
        if (tensors is not null && !tensors.Layout.Equals(layout))
        {
            throw new ArgumentException("The control variates have other tensors than the part of the adapter that is trained and shared.", nameof(tensors));
        }
    }
}
