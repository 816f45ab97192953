namespace FedLLM.Engine;

/// <summary>The version of the CPU engine's arithmetic: raised whenever a change alters a bit of a training's result, so that no run is resumed across it.</summary>
public static class NumericsVersion
{
    /// <summary>Engine and number.</summary>
    public const string Current = "cpu-6";
}
