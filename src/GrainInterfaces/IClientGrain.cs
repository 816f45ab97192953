using Orleans.Concurrency;

namespace FedLLM.GrainInterfaces;

/// <summary>A client. Key: <see cref="ClientKey"/>.</summary>
[Alias("fedllm.IClientGrain")]
public interface IClientGrain : IGrainWithStringKey
{
    /// <summary>
    /// Begins to train, or says how far it is; answers well within the response timeout. Asking again for the same round is harmless: the same update, once.
    /// </summary>
    [Alias("Train")]
    [AlwaysInterleave]
    Task<TrainReply> TrainAsync(TrainRequest request);
}
