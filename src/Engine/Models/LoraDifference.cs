using System.Globalization;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Models;

/// <summary>Tells two adapters apart by what they compute: their targets, ranks and scalings.</summary>
public static class LoraDifference
{
    /// <summary>
    /// Says in what <paramref name="found"/> differs from <paramref name="expected"/> on a decoder of <paramref name="layers"/> layers, such as
    /// <c>rank 16 where 8 is expected; targets q_proj where q_proj, v_proj are expected</c>, or null where they are alike.
    /// </summary>
    /// <exception cref="LoraConfigException">One of them does not fit such a decoder.</exception>
    public static string? Describe(LoraConfig found, LoraConfig expected, int layers)
    {
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(expected);
        IReadOnlyList<LoraModule> ours = found.Modules(layers);
        IReadOnlyList<LoraModule> theirs = expected.Modules(layers);
        var differences = new List<string>();
        Compare(differences, "rank", ours, theirs, m => m.Rank);
        Compare(differences, "scaling", ours, theirs, m => m.Scaling);
        if (!ours.Select(m => (m.Layer, m.Kind)).SequenceEqual(theirs.Select(m => (m.Layer, m.Kind))))
        {
            differences.Add($"targets {Targets(ours, layers)} where {Targets(theirs, layers)} are expected");
        }

        return differences.Count == 0 ? null : string.Join("; ", differences);
    }

    // Uniform values are told once; others by the first module that differs.
    private static void Compare<T>(List<string> differences, string what, IReadOnlyList<LoraModule> found, IReadOnlyList<LoraModule> expected, Func<LoraModule, T> value)
        where T : IEquatable<T>
    {
        string Text(T v) => string.Create(CultureInfo.InvariantCulture, $"{v}");
        if (Only(found, value, out T ours) && Only(expected, value, out T theirs))
        {
            if (!ours.Equals(theirs))
            {
                differences.Add($"{what} {Text(ours)} where {Text(theirs)} is expected");
            }

            return;
        }

        var byModule = expected.ToDictionary(m => (m.Layer, m.Kind), value);
        LoraModule[] differing = [.. found.Where(m => byModule.TryGetValue((m.Layer, m.Kind), out T? other) && !value(m).Equals(other))];
        if (differing.Length > 0)
        {
            LoraModule first = differing[0];
            string others = differing.Length == 1 ? string.Empty : $" and in {differing.Length - 1} more";
            differences.Add($"{what} {Text(value(first))} where {Text(byModule[(first.Layer, first.Kind)])} is expected in {TensorNames.Module(first.Layer, first.Kind)}{others}");
        }
    }

    private static bool Only<T>(IReadOnlyList<LoraModule> modules, Func<LoraModule, T> value, out T only)
        where T : IEquatable<T>
    {
        only = value(modules[0]);
        T first = only;
        return modules.All(m => value(m).Equals(first));
    }

    private static string Targets(IReadOnlyList<LoraModule> modules, int layers) => string.Join(", ", modules.GroupBy(m => m.Kind).OrderBy(g => g.Key).Select(
        g => g.Count() == layers ? TensorNames.ModuleName(g.Key) : $"{TensorNames.ModuleName(g.Key)} (layers {string.Join(' ', g.Select(m => m.Layer))})"));
}
