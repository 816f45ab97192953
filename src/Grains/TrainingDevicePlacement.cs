using FedLLM.GrainInterfaces;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace FedLLM.Grains;

/// <summary>Puts client grains only on silos that have a training device of the kind their key names; those with pinned shards only on the silo it names.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class TrainingDevicePlacementFilterAttribute() : PlacementFilterAttribute(new TrainingDevicePlacementFilterStrategy());

/// <summary>The strategy of <see cref="TrainingDevicePlacementFilterAttribute"/>.</summary>
public sealed class TrainingDevicePlacementFilterStrategy() : PlacementFilterStrategy(order: 0);

/// <summary>Makes the filters known to a silo; every silo of a cluster must know them.</summary>
public static class TrainingDevicePlacementHosting
{
    /// <summary>Adds them.</summary>
    public static ISiloBuilder AddTrainingDevicePlacement(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddPlacementFilter<TrainingDevicePlacementFilterStrategy, TrainingDevicePlacementFilter>(ServiceLifetime.Transient);
        silo.Services.AddPlacementFilter<PinnedPlacementFilterStrategy, PinnedPlacementFilter>(ServiceLifetime.Transient);
        silo.Services.AddPlacementFilter<CoordinatorPlacementFilterStrategy, CoordinatorPlacementFilter>(ServiceLifetime.Transient);
        return silo;
    }
}

/// <summary>Holds a client's key against what each silo says of itself when it joins. A silo that says nothing has no device.</summary>
/// <param name="silos">What silos say of themselves.</param>
public sealed class TrainingDevicePlacementFilter(ISiloMetadataCache silos) : IPlacementFilterDirector
{
    /// <summary>The metadata key under which a silo lists its devices, separated by commas.</summary>
    public const string DevicesKey = "fedllm.devices";

    /// <summary>Whether a silo has a training device of a kind.</summary>
    public static bool Has(ISiloMetadataCache silos, SiloAddress silo, string device)
    {
        ArgumentNullException.ThrowIfNull(silos);
        return silos.GetSiloMetadata(silo).Metadata.TryGetValue(DevicesKey, out string? devices) && devices.Split(',').Contains(device, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> candidates)
    {
        ClientKey key = ClientKey.Parse(target.GrainIdentity.Key.ToString()!);
        return candidates.Where(silo => Has(silos, silo, key.Device) && (key.Silo is null || PinnedPlacementFilter.NameOf(silos, silo) == key.Silo));
    }
}
