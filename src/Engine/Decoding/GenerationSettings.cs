namespace FedLLM.Engine.Decoding;

/// <summary>How tokens are chosen.</summary>
/// <param name="MaxNewTokens">Most tokens to add, at least 1.</param>
/// <param name="Temperature">0 chooses the likeliest token (the lowest id of equals); above, the logits are divided by it and a token is drawn.</param>
/// <param name="Seed">Seed of the draws. A draw depends on it, on the prompt's index and on the token's position alone.</param>
public sealed record GenerationSettings(int MaxNewTokens, double Temperature = 0, ulong Seed = 0)
{
    /// <summary>Draw among the k largest logits and those equal to the k-th; 0 for all.</summary>
    public int TopK { get; init; }

    /// <summary>
    /// Draw among the likeliest tokens whose probabilities, behind <see cref="Temperature"/> and <see cref="TopK"/>, reach this sum, in (0, 1]; at least one. Of equal
    /// ones the lower id counts as likelier. 1 for all.
    /// </summary>
    public double TopP { get; init; } = 1;

    /// <summary>Index of the first prompt, for the draws: a prompt generated alone under its index in a batch gives the batch's tokens.</summary>
    public int FirstPrompt { get; init; }

    /// <summary>Most prompts decoded together, at least 1; changes speed and memory, not the tokens.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxNewTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(TopK);
        ArgumentOutOfRangeException.ThrowIfNegative(FirstPrompt);
        bool sound = Temperature >= 0 && double.IsFinite(Temperature) && TopP is > 0 and <= 1;
        if (!sound)
        {
            throw new ArgumentOutOfRangeException(nameof(TopP), $"A temperature of {Temperature} or a top-p of {TopP} is out of range.");
        }
    }
}
