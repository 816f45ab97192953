using FedLLM.Engine.Files;
using Microsoft.Extensions.Logging;

namespace FedLLM.Grains;

/// <summary>Puts a fault into words that may leave the silo whose data it met.</summary>
internal static partial class Faults
{
    /// <summary>
    /// Returns the message where the program wrote it, which names file and line and no content. Of any other fault it returns the kind alone, and logs where it
    /// came from: its message may quote what the silo alone may know.
    /// </summary>
    /// <param name="fault">The fault.</param>
    /// <param name="grain">Whose fault it is.</param>
    /// <param name="log">The silo's log.</param>
    public static string Describe(Exception fault, string grain, ILogger log)
    {
        if (fault is InputFileException known)
        {
            return known.Message;
        }

        string kind = fault.GetType().Name;
        LogFault(log, grain, kind, fault.StackTrace);
        return $"{kind} (the silo's own log says where)";
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Grain} met a fault: {Kind}\n{Place}")]
    private static partial void LogFault(ILogger log, string grain, string kind, string? place);
}
