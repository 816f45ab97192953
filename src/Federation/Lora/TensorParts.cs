using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>Takes some of a set's tensors out and puts them back, and lets a server optimizer step on such a part alone.</summary>
public static class TensorParts
{
    /// <summary>Returns the tensors of <paramref name="part"/>, copied.</summary>
    /// <exception cref="KeyNotFoundException">The set lacks one of them.</exception>
    public static TensorSet Extract(TensorSet whole, TensorLayout part)
    {
        ArgumentNullException.ThrowIfNull(whole);
        ArgumentNullException.ThrowIfNull(part);
        var extract = new TensorSet(part);
        foreach (TensorSlot slot in part.Slots)
        {
            whole[slot.Name].CopyTo(extract[slot]);
        }

        return extract;
    }

    /// <summary>Returns a copy of <paramref name="whole"/> with the tensors of <paramref name="part"/> in place of its own.</summary>
    /// <exception cref="KeyNotFoundException">The set lacks one of them.</exception>
    public static TensorSet Overlay(TensorSet whole, TensorSet part)
    {
        ArgumentNullException.ThrowIfNull(whole);
        ArgumentNullException.ThrowIfNull(part);
        TensorSet result = whole.Clone();
        foreach (TensorSlot slot in part.Layout.Slots)
        {
            part[slot].CopyTo(result[slot.Name]);
        }

        return result;
    }

    /// <summary>Returns the part of a named state that covers <paramref name="part"/>, or null where the state has none of it yet.</summary>
    internal static TensorSet? Find(IReadOnlyDictionary<string, TensorSet> state, string name, TensorLayout part) =>
        !state.TryGetValue(name, out TensorSet? tensors) || !tensors.Layout.TryGet(part.Slots[0].Name, out _) ? null
        : tensors.Layout.Equals(part) ? tensors
        : Extract(tensors, part);

    /// <summary>
    /// Steps on the tensors of the mean's layout. The rest of the adapter and of the server's state stay as they are: each part has moments of its own, and its
    /// first step is the first in which it was uploaded.
    /// </summary>
    internal static ServerStep Step(
        IServerOptimizer optimizer, int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        TensorLayout part = mean.Delta.Layout;
        if (part.Equals(adapter.Layout))
        {
            return optimizer.Step(t, adapter, mean, state);
        }

        var known = new Dictionary<string, TensorSet>();
        foreach (string name in state.Keys)
        {
            if (Find(state, name, part) is { } tensors)
            {
                known.Add(name, tensors);
            }
        }

        ServerStep step = optimizer.Step(t, Extract(adapter, part), mean, known);
        var next = new Dictionary<string, TensorSet>(state);
        foreach ((string name, TensorSet tensors) in step.State)
        {
            next[name] = state.TryGetValue(name, out TensorSet? last) ? Union(last, tensors) : tensors;
        }

        return new ServerStep(Overlay(adapter, step.Adapter), next);
    }

    private static TensorSet Union(TensorSet last, TensorSet part)
    {
        IEnumerable<TensorSlot> kept = last.Layout.Slots.Where(s => !part.Layout.TryGet(s.Name, out _));
        var layout = new TensorLayout(kept.Concat(part.Layout.Slots).Select(s => (s.Name, s.Shape)));
        var union = new TensorSet(layout);
        foreach (TensorSlot slot in layout.Slots)
        {
            (part.Layout.TryGet(slot.Name, out _) ? part : last)[slot.Name].CopyTo(union[slot]);
        }

        return union;
    }
}
