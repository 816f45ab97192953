using System.Globalization;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Where things are in a run directory.</summary>
internal sealed record RunPaths(string Root)
{
    private const string ManifestPrefix = "round-";
    private const string ManifestSuffix = ".json";

    public string Experiment => Path.Combine(Root, "experiment.yaml");

    public string Journal => Path.Combine(Root, "journal.jsonl");

    public string Rounds => Path.Combine(Root, "rounds.jsonl");

    public string Clients => Path.Combine(Root, "clients.json");

    /// <summary>The clients whose shards are pinned to silos of a cluster.</summary>
    public string Pinned => Path.Combine(Root, "pinned.json");

    public string Adapter => Path.Combine(Root, "adapter");

    public string AdapterConfig => Path.Combine(Adapter, "adapter_config.json");

    public string AdapterWeights => Path.Combine(Adapter, "adapter_model.safetensors");

    public string Checkpoints => Path.Combine(Root, "checkpoints");

    public string Store => Path.Combine(Root, "store");

    public string Stored(string hash, string extension) => Path.Combine(Store, hash[..2], hash + extension);

    /// <summary>What clients that live in other processes have stored, a file each.</summary>
    public string Receipts => Path.Combine(Root, "receipts");

    /// <summary>Held by the kernel for the process that works on the run. Nobody can read it meanwhile, so the holder is named beside it.</summary>
    public string Lock => Path.Combine(Root, "lock");

    public string Holder => Path.Combine(Root, "lock.json");

    public string Manifest(int round) => Path.Combine(Checkpoints, string.Create(CultureInfo.InvariantCulture, $"{ManifestPrefix}{round:D6}{ManifestSuffix}"));

    public string Receipt(int round, int client) => Path.Combine(Receipts, string.Create(CultureInfo.InvariantCulture, $"{ManifestPrefix}{round:D6}-client-{client}{ManifestSuffix}"));

    /// <summary>Lists the manifests by round; files of other names are not its own.</summary>
    public SortedDictionary<int, string> Manifests(IRunFiles files)
    {
        var manifests = new SortedDictionary<int, string>();
        foreach (string path in files.List(Checkpoints))
        {
            string name = Path.GetFileName(path);
            if (name.StartsWith(ManifestPrefix, StringComparison.Ordinal)
                && name.EndsWith(ManifestSuffix, StringComparison.Ordinal)
                && int.TryParse(name[ManifestPrefix.Length..^ManifestSuffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out int round)
                && path == Manifest(round))
            {
                manifests[round] = path;
            }
        }

        return manifests;
    }
}
