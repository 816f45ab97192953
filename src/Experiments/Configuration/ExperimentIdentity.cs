using System.Security.Cryptography;
using System.Text;

namespace FedLLM.Experiments.Configuration;

/// <summary>What an experiment's result depends on besides its file.</summary>
/// <param name="Model">SHA-256, lower-case hex, of the base model's content.</param>
/// <param name="Data">SHA-256, lower-case hex, of the training data's content.</param>
/// <param name="Numerics">The engine and its numerics version.</param>
/// <param name="Reference">SHA-256, lower-case hex, of the content of the adapter that <c>dpo.reference</c> names, or null where it names none.</param>
public sealed record ExperimentInputs(string Model, string Data, string Numerics, string? Reference = null);

/// <summary>Decides when two experiments are the same: equal identities give equal results.</summary>
public static class ExperimentIdentity
{
    /// <summary>
    /// Returns the SHA-256, lower-case hex, of the resolved experiment without harmless keys (names, threads, lanes, evaluation, checkpoints) and without
    /// paths, followed by <paramref name="inputs"/>, which stand for what the paths hold.
    /// </summary>
    public static string Hash(Experiment experiment, ExperimentInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(inputs);
        var text = new StringBuilder("fedllm experiment identity 1\n");
        foreach (Key key in Schema.Keys.Where(k => Matters(k, experiment)))
        {
            text.Append(key.Path).Append(": ").Append(Text(key, experiment)).Append('\n');
        }

        text.Append("model: ").Append(inputs.Model).Append("\ndata: ").Append(inputs.Data).Append("\nnumerics: ").Append(inputs.Numerics).Append('\n');
        if (inputs.Reference is not null)
        {
            text.Append("reference: ").Append(inputs.Reference).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>
    /// Lists what makes two experiments different: the paths of the keys, and <c>model (content)</c>, <c>data (content)</c>,
    /// <c>numerics version</c> and <c>dpo.reference (content)</c>.
    /// Empty exactly when their identities are equal.
    /// </summary>
    public static IReadOnlyList<string> Differences(Experiment first, ExperimentInputs firstInputs, Experiment second, ExperimentInputs secondInputs)
    {
        ArgumentNullException.ThrowIfNull(firstInputs);
        ArgumentNullException.ThrowIfNull(secondInputs);
        var differences = new List<string>(DifferingKeys(first, second, k => Matters(k, first) || Matters(k, second)));
        AddIfDifferent(firstInputs.Model, secondInputs.Model, "model (content)");
        AddIfDifferent(firstInputs.Data, secondInputs.Data, "data (content)");
        AddIfDifferent(firstInputs.Numerics, secondInputs.Numerics, "numerics version");
        AddIfDifferent(firstInputs.Reference, secondInputs.Reference, "dpo.reference (content)");
        return differences;

        void AddIfDifferent(string? a, string? b, string name)
        {
            if (a != b)
            {
                differences.Add(name);
            }
        }
    }

    /// <summary>Lists the keys that differ without making another experiment.</summary>
    public static IReadOnlyList<string> HarmlessDifferences(Experiment first, Experiment second) =>
        [.. DifferingKeys(first, second, k => !Matters(k, first) && !Matters(k, second))];

    private static string Text(Key key, Experiment experiment) => key.Identity?.Invoke(experiment) ?? key.Type.Write(key.Value(experiment));

    // Without a schedule that depends on their number, more rounds are the same run carried further.
    private static bool Matters(Key key, Experiment experiment) => key.Role == KeyRole.Result
        && (key.Path != "federation.rounds" || experiment.Training.Schedule is LearningRateSchedule.CosineByRound or LearningRateSchedule.LinearByRound);

    private static IEnumerable<string> DifferingKeys(Experiment first, Experiment second, Func<Key, bool> counted)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        return Schema.Keys
            .Where(k => counted(k) && Text(k, first) != Text(k, second))
            .Select(k => k.Path);
    }
}
