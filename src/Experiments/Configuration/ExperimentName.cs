namespace FedLLM.Experiments.Configuration;

/// <summary>Names of experiments and runs, which are names of folders too.</summary>
public static class ExperimentName
{
    /// <summary>Whether a text is one: letters, digits, '.', '_' and '-', a letter or digit first, at most 100.</summary>
    public static bool IsOne(string text) => !string.IsNullOrEmpty(text) && NameType.From(text) == text;
}
