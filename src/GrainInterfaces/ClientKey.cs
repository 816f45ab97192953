using System.Globalization;

namespace FedLLM.GrainInterfaces;

/// <summary>
/// The key of a client grain: <c>device/run/client</c>, of one whose shard is pinned <c>device/run/client/silo</c>. Where a client may live follows from its key
/// alone, without asking anybody.
/// </summary>
/// <param name="Device">The kind of device it must train on: <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="Run">The run's name.</param>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Silo">The name of the silo on which its shard lies, and on which alone it may live; null where any silo may have it.</param>
public readonly record struct ClientKey(string Device, string Run, int Client, string? Silo = null)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Device}/{Run}/{Client}") + (Silo is null ? "" : "/" + Silo);

    /// <summary>Reads a key.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ClientKey Parse(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Split('/') is [{ Length: > 0 } device, { Length: > 0 } run, string client, .. string[] { Length: 0 or 1 } place] && place is not [""]
            && int.TryParse(client, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? new ClientKey(device, run, id, place is [string silo] ? silo : null)
            : throw new FormatException($"'{key}' is no client's key: it is neither device/run/client nor device/run/client/silo.");
    }
}
