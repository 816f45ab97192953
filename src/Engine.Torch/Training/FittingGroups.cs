using System.Runtime.InteropServices;

namespace FedLLM.Engine.Torch.Training;

/// <summary>Does a number of lanes' work together, or in smaller groups where the device's memory does not hold them all; it stays with what was found to fit.</summary>
internal sealed class FittingGroups
{
    /// <summary>Does the work of lanes first … first + count - 1, and calls the last argument before it changes anything that doing it again would not undo.</summary>
    public delegate void Work(int first, int count, Action fits);

    /// <summary>Most lanes that are tried together.</summary>
    public int Most { get; private set; } = int.MaxValue;

    /// <summary>Does the work of lanes 0 … <paramref name="lanes"/> - 1.</summary>
    /// <exception cref="InsufficientMemoryException">The device's memory does not hold one lane.</exception>
    public void Run(int lanes, Work work)
    {
        for (int first = 0; first < lanes;)
        {
            int count = Math.Min(Most, lanes - first);
            bool changed = false;
            try
            {
                work(first, count, () => changed = true);
                first += count;
            }
            catch (ExternalException e) when (!changed && IsOutOfMemory(e))
            {
                if (count == 1)
                {
                    throw new InsufficientMemoryException(
                        "One client's step does not fit in the device's memory. Lower training.batch_size or data.max_length, set training.gradient_checkpointing: true, or model.dtype: bfloat16.", e);
                }

                Most = count / 2;
            }
        }
    }

    private static bool IsOutOfMemory(ExternalException e) =>
        e.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase);
}
