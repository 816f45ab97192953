using System.Globalization;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>A client's own adapter out of a run directory, where the method leaves clients factors of their own (<see cref="ClientAdapters"/>).</summary>
public static class ClientExport
{
    /// <summary>Reads the adapter as of a checkpoint. The run may go on meanwhile; nothing is written.</summary>
    /// <param name="directory">The run directory.</param>
    /// <param name="client">Client id, from 0.</param>
    /// <param name="round">A round whose checkpoint is kept, or null for the newest.</param>
    /// <exception cref="RunStorageException">There is no such checkpoint, the method leaves clients no factors of their own, the client never was a member, or a file is damaged.</exception>
    /// <exception cref="ExperimentFileException">The run's experiment file is damaged.</exception>
    public static PeftAdapter Of(string directory, int client, int? round = null)
    {
        IRunFiles files = DiskFiles.Instance;
        var paths = new RunPaths(Path.GetFullPath(directory));
        byte[] bytes = files.ReadWhole(paths.Experiment) ?? throw new RunStorageException(paths.Root, "holds no run", "Name a run directory");
        Experiment experiment = ExperimentFile.Parse(bytes, paths.Experiment, paths.Root);
        FileTensorStore store = FileTensorStore.OpenShared(paths.Store, files);
        LoraConfig config = experiment.Lora.ToConfig();
        ILoraAggregation aggregation = LoraAggregations.For(experiment.Federation.LoraAggregation, experiment.Lora, (ulong)experiment.Seed);
        var adapters = new ClientAdapters(_ => config, aggregation, store);
        if (!adapters.AreKept)
        {
            throw new RunStorageException(
                paths.Root, $"federation.lora_aggregation is {aggregation.Name}, which leaves clients no factors of their own", $"Use {paths.Adapter}, which is every client's");
        }

        Manifest manifest = Find(files, paths, round);
        var state = new GlobalState(manifest.Round, store.Get(manifest.Adapter), new Dictionary<string, TensorSet>(), 0) { PrivateStates = PageOf(files, paths, manifest, client) };
        return adapters.Kept(state, client) is { } own
            ? new PeftAdapter(own.Config, own.Tensors) { BaseModel = experiment.Model.Path }
            : throw new RunStorageException(
                paths.Root, string.Create(CultureInfo.InvariantCulture, $"client {client} was no member of rounds 1 to {manifest.Round} and has no factors of its own"), "Name a client that was");
    }

    private static Manifest Find(IRunFiles files, RunPaths paths, int? round)
    {
        SortedDictionary<int, string> kept = paths.Manifests(files);
        foreach ((int number, string path) in kept.Reverse().Where(m => round is null || m.Key == round))
        {
            if (ManifestFile.Read(files, path, number) is { } manifest)
            {
                return manifest;
            }
        }

        throw new RunStorageException(
            paths.Checkpoints,
            round is null ? "no checkpoint is whole" : string.Create(CultureInfo.InvariantCulture, $"there is no whole checkpoint of round {round}"),
            $"Kept are those of the rounds {string.Join(", ", kept.Keys)}");
    }

    // The states of the client and its neighbours; read without opening the folder of pages as its owner, who clears away what is unfinished.
    private static Dictionary<int, IReadOnlyDictionary<string, string>> PageOf(IRunFiles files, RunPaths paths, Manifest manifest, int client)
    {
        var states = new Dictionary<int, IReadOnlyDictionary<string, string>>();
        if (manifest.Clients?.TryGetValue(client / ClientPages.ClientsPerPage, out string? page) is true)
        {
            new ContentFolder(paths.Store, ClientPages.Extension, files, shared: true).Read(page, (here, path) =>
            {
                foreach ((int id, SortedDictionary<string, string> own) in ClientPages.Parse(here.ReadWhole(path)))
                {
                    states[id] = own;
                }
            });
        }

        return states;
    }
}
