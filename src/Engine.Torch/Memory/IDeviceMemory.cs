namespace FedLLM.Engine.Torch.Memory;

/// <summary>What is known of a device's memory.</summary>
internal interface IDeviceMemory
{
    /// <summary>Bytes taken, by whomever it can tell of; null where that is unknown.</summary>
    long? Used();

    /// <summary>Bytes that lanes may hold from here on.</summary>
    long Available();
}

/// <summary>The memory of the machine, for Torch's CPU: what this process takes of it.</summary>
internal sealed class HostMemory : IDeviceMemory
{
    // Share of the machine's memory that lanes may fill.
    private const double Share = 0.25;

    /// <inheritdoc/>
    public long? Used() => Environment.WorkingSet;

    /// <inheritdoc/>
    public long Available() => (long)(Share * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}
