using FedLLM.Experiments.Coordination;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace FedLLM.Grains;

/// <summary>Puts a run's coordinator that is to move on a silo with the kind of device that it asks for.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class CoordinatorPlacementFilterAttribute() : PlacementFilterAttribute(new CoordinatorPlacementFilterStrategy());

/// <summary>The strategy of <see cref="CoordinatorPlacementFilterAttribute"/>.</summary>
public sealed class CoordinatorPlacementFilterStrategy() : PlacementFilterStrategy(order: 0);

/// <summary>
/// Holds the kind of device that the move's request context names against what each silo says of itself. Where nothing is named, as when a reminder or a question wakes
/// the coordinator, any silo has it, so that a run whose device is nowhere can still be asked, paused and cancelled.
/// </summary>
/// <param name="silos">What silos say of themselves.</param>
public sealed class CoordinatorPlacementFilter(ISiloMetadataCache silos) : IPlacementFilterDirector
{
    /// <summary>The request context's key of the kind of device.</summary>
    internal const string DeviceKey = "fedllm.device";

    /// <inheritdoc/>
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> candidates)
    {
        if (target.RequestContextData is not { } context || !context.TryGetValue(DeviceKey, out object? asked) || asked is not string device)
        {
            return candidates;
        }

        SiloAddress[] all = [.. candidates];
        SiloAddress[] fit = [.. all.Where(silo => TrainingDevicePlacementFilter.Has(silos, silo, device))];
        return fit.Length > 0 ? fit : all;
    }
}

/// <summary>The silos that have a kind of device, as one silo sees them.</summary>
/// <param name="device">The kind.</param>
/// <param name="silos">What silos say of themselves.</param>
/// <param name="members">The cluster's members, this silo among them.</param>
/// <param name="move">Moves the coordinator to one of them.</param>
internal sealed class DevicePlace(string device, ISiloMetadataCache silos, ISiloStatusOracle members, Action move) : IRunPlace
{
    /// <inheritdoc/>
    public string? Reach()
    {
        if (TrainingDevicePlacementFilter.Has(silos, members.SiloAddress, device))
        {
            return null;
        }

        if (!members.GetApproximateSiloStatuses(onlyActive: true).Keys.Any(silo => TrainingDevicePlacementFilter.Has(silos, silo, device)))
        {
            return $"waiting for a silo with a training device of kind {device}";
        }

        move();
        return $"moving to a silo with a training device of kind {device}";
    }
}
