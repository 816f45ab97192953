using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Pinning;
using FedLLM.Federation.Rounds;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>The line to a run's client grains.</summary>
/// <param name="grains">Finds them.</param>
/// <param name="device">The kind of device they train on.</param>
/// <param name="run">The run's name.</param>
/// <param name="pinned">The clients whose shards are pinned to silos; null where any silo may have any client.</param>
internal sealed class GrainLine(IGrainFactory grains, string device, string run, PinnedClients? pinned) : IClientLine
{
    /// <inheritdoc/>
    public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        try
        {
            IClientGrain grain = grains.GetGrain<IClientGrain>(new ClientKey(device, run, client, pinned?.Shards[client].Silo).ToString());
            return TrainingMessages.ToAnswer(await grain.TrainAsync(TrainingMessages.ToRequest(instruction, client)).ConfigureAwait(false));
        }
        catch (Exception fault) when (fault is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // A silo died or hangs, the call timed out, no silo has a device, the host could not read its data: all of it may pass.
            throw new ClientUnreachableException(fault.Message, fault);
        }
    }
}
