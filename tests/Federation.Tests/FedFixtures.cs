using FedLLM.Engine.Files;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Federation.Tests;

/// <summary>The federation's reference fixtures (<c>fed/</c> under the fixtures root).</summary>
internal static class FedFixtures
{
    /// <summary>Returns the path of a file of the fixtures, or skips the calling test where the root has no such file.</summary>
    public static string Require(string name)
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        string path = Path.Combine(SharedData.FixturesRoot!, "fed", name);
        Skip.IfNot(File.Exists(path), $"The fixtures root has no fed/{name}.");
        return path;
    }

    /// <summary>Reads the tensors whose names begin with <paramref name="prefix"/> and a dot, under the rest of their names.</summary>
    public static TensorSet Read(SafetensorsFile file, string prefix)
    {
        string start = prefix + ".";
        SafetensorsEntry[] entries = [.. file.Entries.Where(e => e.Name.StartsWith(start, StringComparison.Ordinal))];
        Assert.NotEmpty(entries);
        var tensors = new TensorSet(new TensorLayout(entries.Select(e =>
            (e.Name[start.Length..], (IReadOnlyList<int>)[.. e.Shape.Select(d => (int)d)]))));
        foreach (TensorSlot slot in tensors.Layout.Slots)
        {
            file.ReadInto(start + slot.Name, tensors[slot]);
        }

        return tensors;
    }
}
