namespace FedLLM.Engine.Models;

/// <summary>Ways to stretch the rotary embedding to longer sequences.</summary>
public enum RopeScalingKind
{
    /// <summary>Every frequency is divided by the factor (position interpolation; Chen et al., 2023).</summary>
    Linear,

    /// <summary>Low frequencies are divided by the factor, high ones kept, those between interpolated (Llama 3.1; transformers' <c>llama3</c>).</summary>
    Llama3,
}

/// <summary>How the rotary embedding's frequencies are scaled.</summary>
/// <param name="Kind">The way.</param>
/// <param name="Factor">How many times longer sequences become, at least 1.</param>
public sealed record RopeScaling(RopeScalingKind Kind, double Factor)
{
    /// <summary>Llama3 alone: wavelengths above <see cref="OriginalMaxPositions"/> / this are divided by the factor; above 0.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama3 alone: wavelengths below <see cref="OriginalMaxPositions"/> / this are kept; above <see cref="LowFrequencyFactor"/>.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Llama3 alone: longest sequence of the training before the stretch, in tokens.</summary>
    public int OriginalMaxPositions { get; init; } = 8192;

    /// <summary>
    /// Scales one frequency, in radians a token. Llama3: with wavelength w = 2π/frequency and s = (O/w - low)/(high - low), the result is
    /// frequency/factor where w > O/low, frequency where w &lt; O/high, else (1 - s)·frequency/factor + s·frequency.
    /// </summary>
    public double Scale(double frequency)
    {
        if (Kind == RopeScalingKind.Linear)
        {
            return frequency / Factor;
        }

        double wavelength = 2 * Math.PI / frequency;
        if (wavelength > OriginalMaxPositions / LowFrequencyFactor)
        {
            return frequency / Factor;
        }

        if (wavelength < OriginalMaxPositions / HighFrequencyFactor)
        {
            return frequency;
        }

        double share = ((OriginalMaxPositions / wavelength) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        return ((1 - share) * frequency / Factor) + (share * frequency);
    }
}
