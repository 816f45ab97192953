using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>What a finished run left in its directory: every round's state and its members' updates, read from the files. Needs checkpoint.keep and keep_updates.</summary>
internal sealed class LeftBehind(string directory)
{
    private readonly RunPaths _paths = new(directory);

    public FileTensorStore Store { get; } = new(Path.Combine(directory, "store"));

    /// <summary>The state after a round.</summary>
    public GlobalState State(int round)
    {
        Manifest manifest = ManifestFile.Read(DiskFiles.Instance, _paths.Manifest(round), round)!;
        return new GlobalState(round, Store.Get(manifest.Adapter), new Dictionary<string, TensorSet>(), 0)
        {
            BaseCorrection = manifest.BaseCorrection is { } correction ? Store.Get(correction) : null,
            PrivateStates = new ClientPages(_paths.Store, DiskFiles.Instance).Get(manifest.Clients ?? new Dictionary<int, string>()),
        };
    }

    /// <summary>A member's update.</summary>
    public TensorSet Update(int round, int client) => Store.Get(Members(round).Single(m => m.Client == client).Update);

    /// <summary>The members of a round, ascending by id.</summary>
    public IReadOnlyList<LineageMember> Members(int round) =>
        RunVerification.LineageOf(JournalContent.Read(DiskFiles.Instance, _paths.Journal)).Single(r => r.Round == round).Members;

    /// <summary>A member's factors: those it began with plus its delta, whose tensors may be some of them.</summary>
    public static TensorSet Plus(TensorSet begun, TensorSet delta)
    {
        TensorSet sum = begun.Clone();
        foreach (TensorSlot slot in delta.Layout.Slots)
        {
            Span<float> values = sum[slot.Name];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] += delta[slot][i];
            }
        }

        return sum;
    }
}
