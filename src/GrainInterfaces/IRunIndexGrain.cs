namespace FedLLM.GrainInterfaces;

/// <summary>The names of all runs of a cluster. Key: 0.</summary>
[Alias("fedllm.IRunIndexGrain")]
public interface IRunIndexGrain : IGrainWithIntegerKey
{
    /// <summary>Adds a name; harmless where it is there.</summary>
    [Alias("Add")]
    Task AddAsync(string name);

    /// <summary>Lists the names, in ordinal order.</summary>
    [Alias("List")]
    Task<string[]> ListAsync();
}
