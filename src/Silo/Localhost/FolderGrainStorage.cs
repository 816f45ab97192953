using System.Buffers.Binary;
using System.Globalization;
using Orleans.Storage;

namespace FedLLM.Silo.Localhost;

/// <summary>The grains' state of one machine's cluster, a file for each: a count of its changes (8 bytes, little-endian), then the state.</summary>
/// <param name="folder">The folder; the files are in <c>grains</c> in it.</param>
/// <param name="serializer">Writes the state.</param>
/// <param name="clock">Measures the wait for a file's lock.</param>
internal sealed class FolderGrainStorage(string folder, IGrainStorageSerializer serializer, TimeProvider clock) : IGrainStorage
{
    private const int HeaderBytes = sizeof(long);

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        ArgumentNullException.ThrowIfNull(grainState);
        byte[]? bytes = FileOf(stateName, grainId).Read();
        bool exists = bytes is { Length: > HeaderBytes };
        grainState.ETag = ETag(bytes);
        grainState.RecordExists = exists;
        grainState.State = exists ? serializer.Deserialize<T>(new BinaryData(bytes.AsMemory(HeaderBytes))) : Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        ArgumentNullException.ThrowIfNull(grainState);
        await ChangeAsync(stateName, grainId, grainState, serializer.Serialize(grainState.State).ToMemory()).ConfigureAwait(false);
        grainState.RecordExists = true;
    }

    /// <inheritdoc/>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        ArgumentNullException.ThrowIfNull(grainState);
        await ChangeAsync(stateName, grainId, grainState, default).ConfigureAwait(false);
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
    }

    private async Task ChangeAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, ReadOnlyMemory<byte> state)
    {
        string? stored = null;
        string? next = null;
        bool changed = await FileOf(stateName, grainId).ChangeAsync(bytes =>
        {
            stored = ETag(bytes);
            if (stored != grainState.ETag)
            {
                return null;
            }

            byte[] content = new byte[HeaderBytes + state.Length];
            BinaryPrimitives.WriteInt64LittleEndian(content, Change(bytes) + 1);
            state.CopyTo(content.AsMemory(HeaderBytes));
            next = ETag(content);
            return content;
        }).ConfigureAwait(false);
        if (!changed)
        {
            throw new InconsistentStateException($"The stored state of {grainId} was changed by another activation.", stored, grainState.ETag);
        }

        grainState.ETag = next;
    }

    private LockedFile FileOf(string stateName, GrainId grainId)
    {
        string grains = Path.Combine(folder, "grains");
        Directory.CreateDirectory(grains);
        return new LockedFile(Path.Combine(grains, Uri.EscapeDataString($"{stateName}-{grainId}")), clock);
    }

    private static long Change(byte[]? bytes) => bytes is { Length: >= HeaderBytes } ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : 0;

    private static string? ETag(byte[]? bytes) => Change(bytes) is > 0 and long change ? change.ToString(CultureInfo.InvariantCulture) : null;
}
