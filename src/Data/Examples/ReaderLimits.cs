namespace FedLLM.Data.Examples;

/// <summary>Bounds on what one data file may make the reader hold, so that a hostile or damaged file ends in an error and not in exhausted memory.</summary>
public sealed record ReaderLimits
{
    /// <summary>The default bounds.</summary>
    public static ReaderLimits Default { get; } = new();

    /// <summary>Largest record in bytes of UTF-8, at least 2. Default 8 MiB.</summary>
    public int MaxRecordBytes { get; init; } = 8 << 20;

    /// <summary>Largest file in bytes after decompression. Default 1 GiB.</summary>
    public long MaxTotalBytes { get; init; } = 1L << 30;

    /// <summary>Largest number of records in a file. Default 5 million.</summary>
    public long MaxRecords { get; init; } = 5_000_000;

    /// <summary>Deepest nesting inside a record, the record included. Default 32.</summary>
    public int MaxDepth { get; init; } = 32;
}
