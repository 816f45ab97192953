using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>Decides, before membership closes, whether a client's update counts: what a receipt says is held against the update itself.</summary>
/// <param name="store">Holds the updates; one at a time is in memory.</param>
/// <param name="privateStates">The names of the private states that every client keeps.</param>
/// <param name="control">Whether a control delta belongs to an update.</param>
internal sealed class OutcomeCheck(ITensorStore store, IReadOnlyCollection<string> privateStates, bool control)
{
    private const int HashLength = 64;

    private TensorSet? _read;

    /// <summary>Returns <paramref name="outcome"/>, or the exclusion that replaces a receipt that cannot count.</summary>
    /// <exception cref="IOException">The update cannot be read: no fault of the client's, so it ends the run rather than the client's part in it.</exception>
    public ClientOutcome Inspect(ClientOutcome outcome, TensorLayout layout)
    {
        if (outcome is not ClientReceipt receipt)
        {
            return outcome;
        }

        string? defect = DefectOf(receipt, layout)
            ?? DefectOf("update", receipt.UpdateHash, receipt.MaxAbsolute, layout)
            ?? (control ? DefectOf("control delta", receipt.ControlDelta!.Hash, receipt.ControlDelta.MaxAbsolute, layout) : null);
        return defect is null ? receipt : new ClientExclusion(receipt.Client, defect);
    }

    private string? DefectOf(ClientReceipt receipt, TensorLayout layout)
    {
        if (!IsHash(receipt.UpdateHash))
        {
            return "its receipt names no update: the hash is not 64 lower-case hexadecimal digits";
        }

        if (!double.IsFinite(receipt.Weight) || receipt.Weight <= 0)
        {
            return FormattableString.Invariant($"its weight is {receipt.Weight}, not positive and finite");
        }

        if (!double.IsFinite(receipt.Metrics.Loss))
        {
            return FormattableString.Invariant($"its loss is {receipt.Metrics.Loss}");
        }

        if (control && (receipt.ControlDelta is not { } delta || !IsHash(delta.Hash) || delta.MaxAbsolute.Count != layout.Slots.Count))
        {
            return "its receipt names no control delta that covers the update's tensors";
        }

        foreach (string name in privateStates)
        {
            if (!receipt.PrivateStates.TryGetValue(name, out string? hash) || !IsHash(hash))
            {
                return $"its receipt does not name its private state '{name}'";
            }
        }

        return receipt.MaxAbsolute.Count == layout.Slots.Count
            ? null
            : $"its receipt covers {receipt.MaxAbsolute.Count} tensors where the adapter has {layout.Slots.Count}";
    }

    private string? DefectOf(string what, string hash, IReadOnlyList<float> declared, TensorLayout layout)
    {
        if (_read is null || !ReferenceEquals(_read.Layout, layout))
        {
            _read = new TensorSet(layout);
        }

        if (!store.TryGet(hash, _read))
        {
            return $"its {what} is misshapen: the tensors' names or shapes are not the adapter's";
        }

        float[] largest = TensorMagnitudes.Of(_read);
        for (int j = 0; j < largest.Length; j++)
        {
            if (!float.IsFinite(largest[j]))
            {
                return $"its {what} is not finite in tensor '{layout.Slots[j].Name}'";
            }

            if (largest[j] != declared[j])
            {
                return $"its receipt misstates the largest value of tensor '{layout.Slots[j].Name}'" + (what == "update" ? "" : $" of its {what}");
            }
        }

        return null;
    }

    private static bool IsHash(string text) => text is { Length: HashLength } && text.All(char.IsAsciiHexDigitLower);
}
