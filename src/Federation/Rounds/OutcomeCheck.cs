using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>Decides, before membership closes, whether a client's update counts: what a receipt says is held against the update itself.</summary>
internal static class OutcomeCheck
{
    private const int HashLength = 64;

    /// <summary>Returns <paramref name="outcome"/>, or the exclusion that replaces a receipt that cannot count. Loads one update at a time.</summary>
    /// <exception cref="IOException">The update cannot be read: no fault of the client's, so it ends the run rather than the client's part in it.</exception>
    public static ClientOutcome Inspect(ClientOutcome outcome, TensorLayout layout, ITensorStore store)
    {
        if (outcome is not ClientReceipt receipt)
        {
            return outcome;
        }

        string? defect = DefectOf(receipt, layout) ?? DefectOf(receipt, layout, store.Get(receipt.UpdateHash));
        return defect is null ? receipt : new ClientExclusion(receipt.Client, defect);
    }

    private static string? DefectOf(ClientReceipt receipt, TensorLayout layout)
    {
        if (receipt.UpdateHash.Length != HashLength || !receipt.UpdateHash.All(char.IsAsciiHexDigitLower))
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

        return receipt.MaxAbsolute.Count == layout.Slots.Count
            ? null
            : $"its receipt covers {receipt.MaxAbsolute.Count} tensors where the adapter has {layout.Slots.Count}";
    }

    private static string? DefectOf(ClientReceipt receipt, TensorLayout layout, TensorSet update)
    {
        if (!update.Layout.Equals(layout))
        {
            return "its update is misshapen: the tensors' names or shapes are not the adapter's";
        }

        float[] largest = TensorMagnitudes.Of(update);
        for (int j = 0; j < largest.Length; j++)
        {
            if (!float.IsFinite(largest[j]))
            {
                return $"its update is not finite in tensor '{layout.Slots[j].Name}'";
            }

            if (largest[j] != receipt.MaxAbsolute[j])
            {
                return $"its receipt misstates the largest value of tensor '{layout.Slots[j].Name}'";
            }
        }

        return null;
    }
}
