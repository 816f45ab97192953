namespace FedLLM.Experiments.Configuration;

/// <summary>Defaults of the data's keys that depend on other keys.</summary>
internal static class DataDefaults
{
    /// <summary>The schemes whose clients are as many as there are files or values of a field.</summary>
    public static bool CountsItself(PartitionScheme scheme) => scheme is PartitionScheme.Files or PartitionScheme.ByField;

    /// <summary>Whether the file, or an override, lists sources, readable or not.</summary>
    public static bool HasSources(Settings settings) => settings.IsGiven("data.sources") && !settings.IsNone("data.sources");

    /// <summary>Whether a preset's value has no place beside what the file says.</summary>
    public static bool GivesWay(Settings settings, string path) => path switch
    {
        "data.partition.clients" => IsAutomatic(settings),
        "data.limit" => HasSources(settings) || Scheme(settings) == PartitionScheme.Files,
        _ => false,
    };

    /// <summary>Fills the gaps. A scheme's keys have defaults where it uses them, and are none elsewhere.</summary>
    public static void Fill(Settings settings)
    {
        PartitionScheme? scheme = Scheme(settings);
        bool labels = scheme is PartitionScheme.Dirichlet or PartitionScheme.Shards or PartitionScheme.ByField || settings.TryGet("data.partition.test_per_label", out long _);
        if (HasSources(settings))
        {
            settings.FillIfMissing("data.path", "none");
        }

        settings.FillIfMissing("data.partition.clients", IsAutomatic(settings) ? "auto" : "2");
        settings.FillIfMissing("data.partition.field", labels ? "category" : "none");
        settings.FillIfMissing("data.partition.alpha", scheme == PartitionScheme.Dirichlet ? "0.5" : "none");
        settings.FillIfMissing("data.partition.cap", scheme == PartitionScheme.Dirichlet ? "true" : "none");
        settings.FillIfMissing("data.partition.sigma", scheme == PartitionScheme.Quantity ? "1" : "none");
        settings.FillIfMissing("data.partition.min_size", scheme is PartitionScheme.Dirichlet or PartitionScheme.Quantity ? "1" : "none");
        settings.FillIfMissing("data.partition.shards_per_client", scheme == PartitionScheme.Shards ? "2" : "none");
    }

    private static PartitionScheme? Scheme(Settings settings)
    {
        if (settings.TryGet("data.partition.scheme", out PartitionScheme scheme))
        {
            return scheme;
        }

        return settings.IsGiven("data.partition.scheme") ? null : PartitionScheme.Iid;
    }

    private static bool IsAutomatic(Settings settings) =>
        Scheme(settings) is { } scheme && (CountsItself(scheme) || (settings.TryGet("data.partition.by_source", out bool bySource) && bySource));
}
