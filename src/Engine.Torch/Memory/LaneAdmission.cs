using System.Runtime.InteropServices;

namespace FedLLM.Engine.Torch.Memory;

/// <summary>
/// Decides how many lanes step together on a device. What a row of a pass takes is measured where a pass may hold most, at the end of its forward half and where a layer
/// has been computed again, and as many lanes are admitted as fit into the device's memory by it. Where memory runs out all the same, the lanes take their steps in groups half as large, from then on.
/// </summary>
internal sealed class LaneAdmission
{
    private const double Trust = 4;

    // Of what a row takes in a larger pass than any before.
    private const double Reserve = 1.1;

    private readonly IDeviceMemory _memory;
    private readonly double _estimate;
    private readonly long _available;
    private readonly long? _before;
    private long _measuredRows;
    private long _measuredBefore;

    /// <summary>Looks at a device's memory as it is before any pass.</summary>
    /// <param name="memory">The device's memory.</param>
    /// <param name="estimate">
    /// Bytes that a row takes by the architecture. A measurement counts for at least a quarter and at most four times of it, because it also sees what others take and
    /// give back.
    /// </param>
    public LaneAdmission(IDeviceMemory memory, double estimate)
    {
        (_memory, _estimate, BytesPerRow) = (memory, estimate, estimate);
        (_available, _before) = (memory.Available(), memory.Used());
    }

    /// <summary>Does the work of some lanes in a row.</summary>
    /// <param name="first">The first lane.</param>
    /// <param name="count">Number of lanes.</param>
    /// <param name="full">To be called with the number of rows where a pass may hold most; of several calls in one pass the largest counts.</param>
    /// <param name="changes">To be called before anything is changed that doing the work again would not undo.</param>
    public delegate void Work(int first, int count, Action<long> full, Action changes);

    /// <summary>Most lanes that are tried together.</summary>
    public int Most { get; private set; } = int.MaxValue;

    /// <summary>Bytes that a row takes, as far as is known.</summary>
    public double BytesPerRow { get; private set; }

    /// <summary>Does the work of all lanes.</summary>
    /// <param name="rows">Rows of each lane's largest pass.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="InsufficientMemoryException">The device's memory does not hold one lane.</exception>
    public void Run(IReadOnlyList<long> rows, Work work)
    {
        for (int first = 0; first < rows.Count;)
        {
            int count = Admit(rows, first);
            _measuredBefore = _measuredRows;
            bool changed = false;
            try
            {
                work(first, count, Measure, () => changed = true);
                first += count;
            }
            catch (ExternalException e) when (!changed && DeviceFailures.IsOutOfMemory(e))
            {
                if (count == 1)
                {
                    throw new InsufficientMemoryException(
                        "One client's step does not fit in the device's memory. Lower training.batch_size or data.max_length, set training.gradient_checkpointing: true, model.dtype: bfloat16 or model.quantization.", e);
                }

                Most = count / 2;
            }
        }
    }

    // The first step is one lane's, so that the others are admitted by a measurement; one lane always is.
    private int Admit(IReadOnlyList<long> rows, int first)
    {
        int most = _measuredRows == 0 && _before is not null ? 1 : Math.Min(Most, rows.Count - first);
        int count = 1;
        double bytes = rows[first] * BytesPerRow;
        while (count < most && (bytes += rows[first + count] * BytesPerRow) * Reserve <= _available)
        {
            count++;
        }

        return count;
    }

    // The largest pass so far tells most: what does not depend on its rows counts least in it.
    private void Measure(long rows)
    {
        if (rows <= _measuredBefore || rows < _measuredRows || _before is not { } before || _memory.Used() is not { } used)
        {
            return;
        }

        double found = Math.Clamp((used - before) / (double)rows, _estimate / Trust, _estimate * Trust);
        BytesPerRow = rows == _measuredRows ? Math.Max(BytesPerRow, found) : found;
        _measuredRows = rows;
    }
}
