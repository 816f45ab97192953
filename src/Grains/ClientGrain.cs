using FedLLM.Engine.Learners;
using FedLLM.Experiments.Messaging;
using FedLLM.GrainInterfaces;
using Microsoft.Extensions.Logging;
using Orleans.Placement;

namespace FedLLM.Grains;

/// <summary>A client, on a silo whose device it trains on. It delegates to <see cref="ClientSession"/>; training happens on the device's threads.</summary>
/// <param name="devices">The devices of this silo.</param>
/// <param name="clock">Measures time.</param>
/// <param name="log">Hears of faults of this silo.</param>
[TrainingDevicePlacementFilter]
[ActivationCountBasedPlacement]
public sealed class ClientGrain(DevicePool devices, TimeProvider clock, ILogger<ClientGrain> log) : Grain, IClientGrain
{
    /// <summary>How long a call waits for work that goes on: well within the response timeout of 30 s.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private ClientSession? _session;
    private ClientKey _key;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _key = ClientKey.Parse(this.GetPrimaryKeyString());
        _session = new ClientSession(_key.Client, devices.For(_key.Run, _key.Device), Patience, clock);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<TrainReply> TrainAsync(TrainRequest request)
    {
        TrainReply reply;
        try
        {
            reply = TrainingMessages.ToReply(await _session!.AskAsync(TrainingMessages.ToInstruction(request, _key.Client), CancellationToken.None));
        }
        catch (DeviceFailedException)
        {
            // No device of its kind is left here. Whoever asks again finds it where there is one.
            DeactivateOnIdle();
            throw;
        }
        catch (Exception fault)
        {
            // What others hear of it must not carry along what an exception may hold of the client's data.
            throw new ClientFaultException(Faults.Describe(fault, _key.ToString(), log));
        }

        if (reply.Outcome != TrainOutcome.StillTraining)
        {
            // It remembers nothing that is not stored. So a client between two rounds costs no memory, and its next round is trained wherever there is room then.
            DeactivateOnIdle();
        }

        return reply;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _session?.Dispose();
        return Task.CompletedTask;
    }
}
