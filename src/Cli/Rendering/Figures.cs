using System.Globalization;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Cli.Rendering;

/// <summary>Numbers as people read them, the same in every culture.</summary>
internal static class Figures
{
    /// <summary>A loss or another measure: <c>2.3146</c>; a dash where there is none.</summary>
    public static string Measure(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>A count with separators: <c>12,345</c>.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in MiB: <c>1,234.56</c>.</summary>
    public static string Mebibytes(double bytes) => (bytes / (1 << 20)).ToString("N2", CultureInfo.InvariantCulture);

    /// <summary>A run's state, as machines read it.</summary>
    public static string Name(RunState state) => state switch
    {
        RunState.Running => "running",
        RunState.Finished => "finished",
        _ => "unfinished",
    };

    /// <summary>A time span: <c>00:41</c>, <c>2:03:07</c>.</summary>
    public static string Duration(TimeSpan span) => span.TotalHours < 1
        ? span.ToString(@"mm\:ss", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{(long)span.TotalHours}:{span.Minutes:D2}:{span.Seconds:D2}");
}
