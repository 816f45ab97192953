using System.Text.RegularExpressions;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Torch.Tests;

/// <summary>
/// Nothing waits for the device inside a step. No device is here to show it, so the sources are read: what makes the host wait for one (a copy from it, a value of it, an
/// operation whose result's size depends on values) stands where results are read, and nowhere else.
/// </summary>
public sealed partial class SynchronizationTests
{
    // A device's trial before it is used, the trainer's one copy of all that a step measured, a lane's parameters and gradients, a language model's results.
    private static readonly string[] Reads = ["Models/TorchLanguageModel.cs", "TorchDevice.cs", "Training/TorchLane.cs", "Training/TorchTrainer.cs"];

    [Fact]
    public void Sources_WaitForTheDevice_OnlyWhereResultsAreRead()
    {
        string root = Path.Combine(SharedData.RepositoryRoot(), "src", "Engine.Torch");
        string[] found =
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Select(path => (Name: Path.GetRelativePath(root, path).Replace('\\', '/'), Text: File.ReadAllText(path)))
                .Where(file => !file.Name.StartsWith("obj/", StringComparison.Ordinal) && !file.Name.StartsWith("bin/", StringComparison.Ordinal))
                .SelectMany(file => Waits().Matches(file.Text).Select(_ => file.Name))
                .Order(StringComparer.Ordinal),
        ];
        Assert.Equal(Reads, found);
    }

    [Fact]
    public void Sources_CopyToTheDevice_WithoutWaiting()
    {
        string root = Path.Combine(SharedData.RepositoryRoot(), "src", "Engine.Torch");
        foreach (string path in Directory.EnumerateFiles(Path.Combine(root, "Models"), "*.cs").Concat(Directory.EnumerateFiles(Path.Combine(root, "Training"), "*.cs")))
        {
            Assert.False(CopiesFromTheHost().IsMatch(File.ReadAllText(path)), $"{path} copies an array to the device; use HostCopy");
        }
    }

    [GeneratedRegex(@"\.cpu\(\)|\.item<|\.To(Single|Double|Int32|Int64|Boolean)\(|\.nonzero\(|masked_select|\.unique\(|clip_grad_norm_|synchronize\(")]
    private static partial Regex Waits();

    [GeneratedRegex(@"(?<![A-Za-z_.])tensor\([^;]*\)\.to\(")]
    private static partial Regex CopiesFromTheHost();
}
