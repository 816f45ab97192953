using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Serialization;
using Orleans.Storage;

namespace FedLLM.Grains.Tests;

/// <summary>Grain storage that outlives silos, counts what is written, and fails when it is told to.</summary>
internal sealed class KeptStates : IGrainStorage
{
    private readonly ConcurrentDictionary<string, (byte[] State, int Change)> _states = new();
    private int _writes;

    /// <summary>What was written, over all states.</summary>
    public int Writes => _writes;

    /// <summary>What each write does before it takes place; to fail, it throws. Told the state's key.</summary>
    public Action<string> BeforeWrite { get; set; } = _ => { };

    /// <summary>What each write does once it took place: what it throws is an answer that got lost.</summary>
    public Action<string> AfterWrite { get; set; } = _ => { };

    public Serializer? Serializer { get; set; }

    /// <summary>Changes a run's state behind its coordinator's back.</summary>
    public void Change(string run, Func<RunState, RunState> change)
    {
        string key = _states.Keys.Single(k => k.EndsWith("/" + run, StringComparison.Ordinal));
        _states.AddOrUpdate(
            key,
            _ => throw new InvalidOperationException(),
            (_, old) => (Serializer!.SerializeToArray(change(Serializer!.Deserialize<RunState>(old.State)!)), old.Change + 1));
    }

    /// <summary>Returns a run's stored state; that of a run that was never started where there is none.</summary>
    public RunState Of(string run) => _states.FirstOrDefault(s => s.Key.EndsWith("/" + run, StringComparison.Ordinal)).Value.State is { } state
        ? Serializer!.Deserialize<RunState>(state)!
        : new RunState();

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        bool exists = _states.TryGetValue(Key(stateName, grainId), out (byte[] State, int Change) stored);
        grainState.RecordExists = exists;
        grainState.State = exists ? Serializer!.Deserialize<T>(stored.State)! : Activator.CreateInstance<T>();
        grainState.ETag = exists ? ETag(stored.Change) : null;
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string key = Key(stateName, grainId);
        BeforeWrite(key);
        byte[] state = Serializer!.SerializeToArray(grainState.State);
        (byte[] State, int Change) now = _states.AddOrUpdate(
            key,
            _ => grainState.ETag is null ? (state, 1) : throw new InconsistentStateException("It was deleted."),
            (_, old) => ETag(old.Change) == grainState.ETag ? (state, old.Change + 1) : throw new InconsistentStateException("It was changed."));
        Interlocked.Increment(ref _writes);
        AfterWrite(key);
        grainState.ETag = ETag(now.Change);
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();

    private static string Key(string stateName, GrainId grainId) => $"{stateName}/{grainId.Type}/{grainId.Key}";

    private static string ETag(int change) => change.ToString(CultureInfo.InvariantCulture);
}
