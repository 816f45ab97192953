using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>The names of a cluster's runs.</summary>
[GenerateSerializer]
[Alias("fedllm.run-index-state.1")]
public sealed class RunIndexState
{
    /// <summary>The names, in ordinal order.</summary>
    [Id(0)]
    public List<string> Names { get; set; } = [];
}

/// <summary>Keeps the names of a cluster's runs.</summary>
/// <param name="state">They, stored.</param>
public sealed class RunIndexGrain([PersistentState("index", RunGrain.StorageName)] IPersistentState<RunIndexState> state) : Grain, IRunIndexGrain
{
    /// <inheritdoc/>
    public async Task AddAsync(string name)
    {
        int place = state.State.Names.BinarySearch(name, StringComparer.Ordinal);
        if (place < 0)
        {
            state.State.Names.Insert(~place, name);
            try
            {
                await state.WriteStateAsync();
            }
            catch
            {
                state.State.Names.RemoveAt(~place);
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public Task<string[]> ListAsync() => Task.FromResult(state.State.Names.ToArray());
}
