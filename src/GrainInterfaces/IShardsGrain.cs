namespace FedLLM.GrainInterfaces;

/// <summary>The pinned shards of one silo, as one run sees them. Key: <c>run/silo</c>; it lives on that silo alone.</summary>
[Alias("fedllm.IShardsGrain")]
public interface IShardsGrain : IGrainWithStringKey
{
    /// <summary>Begins to count, or says how far it is; answers well within the response timeout. Asking again is harmless.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="from">How many shards are known already: the answer has those after them.</param>
    [Alias("Count")]
    Task<ShardsReply> CountAsync(RunSpec spec, int from);
}
