namespace FedLLM.Dashboard.Hosting;

/// <summary>How much one request for samples may ask for.</summary>
public static class SampleLimits
{
    /// <summary>Most characters of a prompt.</summary>
    public const int MaxPromptLength = 4000;

    /// <summary>Most tokens of an answer.</summary>
    public const int MaxNewTokens = 256;

    /// <summary>Tokens of an answer unless chosen.</summary>
    public const int UsualNewTokens = 48;

    /// <summary>Most rounds besides the newest.</summary>
    public const int MaxRounds = 6;
}
