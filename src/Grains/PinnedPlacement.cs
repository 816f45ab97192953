using Orleans.Placement;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace FedLLM.Grains;

/// <summary>Puts the grain that counts a silo's shards on that silo alone.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class PinnedPlacementFilterAttribute() : PlacementFilterAttribute(new PinnedPlacementFilterStrategy());

/// <summary>The strategy of <see cref="PinnedPlacementFilterAttribute"/>.</summary>
public sealed class PinnedPlacementFilterStrategy() : PlacementFilterStrategy(order: 0);

/// <summary>Holds the silo's name in a grain's key against what each silo says of itself when it joins.</summary>
/// <param name="silos">What silos say of themselves.</param>
public sealed class PinnedPlacementFilter(ISiloMetadataCache silos) : IPlacementFilterDirector
{
    /// <summary>The metadata key under which a silo on which pinned shards lie says its name. A silo without such shards does not say it.</summary>
    public const string NameKey = "fedllm.shards-of";

    /// <summary>Returns the name of a silo on which pinned shards lie; null of any other.</summary>
    public static string? NameOf(ISiloMetadataCache silos, SiloAddress silo)
    {
        ArgumentNullException.ThrowIfNull(silos);
        return silos.GetSiloMetadata(silo).Metadata.TryGetValue(NameKey, out string? name) ? name : null;
    }

    /// <inheritdoc/>
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target, IEnumerable<SiloAddress> candidates)
    {
        string name = ShardsKey.Parse(target.GrainIdentity.Key.ToString()!).Silo;
        return candidates.Where(silo => NameOf(silos, silo) == name);
    }
}
