namespace FedLLM.Engine.Models;

/// <summary>A LoRA configuration asks for modules that the decoder does not have or that cannot carry an adapter.</summary>
/// <param name="key">PEFT's name of the setting, such as <c>target_modules</c>.</param>
/// <param name="problem">What is wrong, without a final full stop.</param>
/// <param name="remedy">What to do, as an imperative sentence without a final full stop.</param>
/// <param name="inner">The cause, if any.</param>
public sealed class LoraConfigException(string key, string problem, string remedy, Exception? inner = null)
    : ArgumentException($"{key} {problem}. {remedy}.", inner)
{
    /// <summary>PEFT's name of the setting.</summary>
    public string Key { get; } = key;

    /// <summary>What is wrong.</summary>
    public string Problem { get; } = problem;

    /// <summary>What to do.</summary>
    public string Remedy { get; } = remedy;
}
