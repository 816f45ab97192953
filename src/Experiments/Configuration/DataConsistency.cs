using FedLLM.Data.Examples;

namespace FedLLM.Experiments.Configuration;

/// <summary>What the keys of the data and of its partition cannot tell alone.</summary>
internal static class DataConsistency
{
    /// <summary>Notes every inconsistency where its keys were given.</summary>
    public static void Check(Settings settings)
    {
        CheckSources(settings);
        CheckHeldOut(settings);
        if (!settings.TryGet("data.partition.scheme", out PartitionScheme scheme))
        {
            return;
        }

        CheckUse(settings, scheme);
        CheckTestSet(settings, scheme);
        CheckPlacement(settings, scheme);
        CheckClients(settings, scheme);
        if (scheme == PartitionScheme.Files && settings.TryGet("data.limit", out long _))
        {
            settings.AddAtOrigin("data.limit", "belongs to the schemes that cut the data; with scheme files a shard is a whole file");
        }
    }

    private static void CheckSources(Settings settings)
    {
        if (!DataDefaults.HasSources(settings))
        {
            if (settings.IsNone("data.path"))
            {
                settings.AddAtOrigin("data.path", "is none, and there are no data.sources; name a file, a folder or a glob");
            }

            if (settings.TryGet("data.partition.by_source", out bool bySource) && bySource)
            {
                settings.AddAtOrigin("data.partition.by_source", "needs data.sources; remove it, or list them");
            }

            return;
        }

        Refuse<string>("data.path", "stands beside data.sources; keep one of them");
        Refuse<string>("data.pattern", "belongs to data.path; give each of data.sources its own");
        Refuse<RecordFormat>("data.format", "belongs to data.path; give each of data.sources its own");
        Refuse<long>("data.limit", "belongs to data.path; give each of data.sources its own");
        if (settings.TryGet<IReadOnlyList<DataSource>>("data.sources", out var sources)
            && settings.TryGet("task", out TaskKind task)
            && sources.Any(s => s.Format is { } format && format.Kind != (task == TaskKind.Dpo ? SampleKind.Pair : SampleKind.Sequence)))
        {
            settings.AddAtOrigin("data.sources", task == TaskKind.Dpo
                ? "holds a format of instructions or dialogues, and task dpo learns from pairs of answers"
                : "holds a format of preference pairs, and task sft learns from single answers");
        }

        void Refuse<T>(string path, string message)
        {
            if (settings.TryGet<T>(path, out _))
            {
                settings.AddAtOrigin(path, message);
            }
        }
    }

    // What would have a pinned record, or what was learned from one client's records alone, lie where others read it.
    private static void CheckPlacement(Settings settings, PartitionScheme scheme)
    {
        const string Key = "data.placement";
        if (!settings.TryGet(Key, out DataPlacement placement))
        {
            return;
        }

        if (placement != DataPlacement.Pinned)
        {
            foreach (string show in (string[])["data.show_labels", "data.show_samples"])
            {
                if (settings.TryGet(show, out bool shown) && shown)
                {
                    settings.AddAtOrigin(show, "is about pinned data (data.placement); of shared data both are shown anyway");
                }
            }

            return;
        }

        Refuse(scheme != PartitionScheme.Files, "needs data.partition.scheme files: each shard is a file that lies on its silo before the run");
        Refuse(DataDefaults.HasSources(settings), "needs data.path in place of data.sources: the silos' shards are found by one name");
        Refuse(settings.TryGet("data.partition.registered", out long _), "needs a shard for each client; remove data.partition.registered");
        Refuse(
            settings.TryGet<HeldOutData>("data.evaluation", out var heldOut) && heldOut.Fraction is not null,
            "cannot hold out a fraction of pinned shards, which the coordinator would have to read; name held-out files that may be shared, in data.evaluation or evaluation.data");
        Refuse(
            settings.TryGet("federation.algorithm", out Algorithm algorithm) && algorithm is Algorithm.Centralized or Algorithm.Local or Algorithm.Scaffold,
            "does not go with algorithm centralized, which pools the shards, nor with local or scaffold, whose adapters or control variates of each client would lie in the shared store");
        Refuse(
            settings.TryGet("federation.lora_aggregation", out LoraAggregation aggregation) && aggregation == LoraAggregation.FedSa,
            "does not go with lora_aggregation fedsa, whose factors of each client would lie in the shared store");

        void Refuse(bool wrong, string message)
        {
            if (wrong)
            {
                settings.AddAtOrigin(Key, message);
            }
        }
    }

    private static void CheckUse(Settings settings, PartitionScheme scheme)
    {
        bool testSet = settings.TryGet("data.partition.test_per_label", out long _);
        RequireUse<string>(
            "data.partition.field", "dirichlet, shards, by-field and data.partition.test_per_label",
            testSet || scheme is PartitionScheme.Dirichlet or PartitionScheme.Shards or PartitionScheme.ByField);
        RequireUse<double>("data.partition.alpha", "dirichlet", scheme == PartitionScheme.Dirichlet);
        RequireUse<bool>("data.partition.cap", "dirichlet", scheme == PartitionScheme.Dirichlet);
        RequireUse<double>("data.partition.sigma", "quantity", scheme == PartitionScheme.Quantity);
        RequireUse<long>("data.partition.min_size", "dirichlet and quantity", scheme is PartitionScheme.Dirichlet or PartitionScheme.Quantity);
        RequireUse<long>("data.partition.shards_per_client", "shards", scheme == PartitionScheme.Shards);

        void RequireUse<T>(string path, string users, bool used)
        {
            if (!used && settings.TryGet<T>(path, out _))
            {
                settings.AddAtOrigin(path, $"belongs to {users}; remove it, or choose another data.partition.scheme");
            }
            else if (used && settings.IsNone(path))
            {
                settings.AddAtOrigin(path, "is needed by the scheme; give it a value, or remove the key for its default");
            }
        }
    }

    private static void CheckTestSet(Settings settings, PartitionScheme scheme)
    {
        const string Key = "data.partition.test_per_label";
        if (!settings.TryGet(Key, out long _))
        {
            return;
        }

        if (scheme == PartitionScheme.Files)
        {
            settings.AddAtOrigin(Key, "belongs to the schemes that cut the data; with scheme files a shard is a whole file");
        }

        if (settings.TryGet<string>("evaluation.data", out _))
        {
            settings.AddAtOrigin(Key, "stands beside evaluation.data; keep one of them");
        }

        if (settings.TryGet<HeldOutData>("data.evaluation", out _) && !IsPersonal(settings))
        {
            settings.AddAtOrigin(Key, "stands beside data.evaluation; keep one of them, or set evaluation.personal");
        }
    }

    // Each client's own held-out data measures the global adapter, too, unless there is other data for that.
    private static void CheckHeldOut(Settings settings)
    {
        if (!settings.TryGet<HeldOutData>("data.evaluation", out var heldOut))
        {
            if (IsPersonal(settings) && settings.IsNone("data.evaluation"))
            {
                settings.AddAtOrigin("evaluation.personal", "needs held-out data of each client; set data.evaluation to a fraction, or to a glob of one file for each");
            }

            return;
        }

        if (settings.TryGet("evaluation.personal", out PersonalEvaluation personal) && personal == PersonalEvaluation.Members
            && settings.TryGet("federation.algorithm", out Algorithm algorithm) && algorithm == Algorithm.Centralized)
        {
            settings.AddAtOrigin("evaluation.personal", "must be all with algorithm centralized, whose only member is all clients pooled");
        }

        if (heldOut.Glob is not null && DataDefaults.HasSources(settings))
        {
            settings.AddAtOrigin("data.evaluation", "must be a fraction with data.sources; files for each client are found by the names of clients of one source");
        }

        if (settings.TryGet<string>("evaluation.data", out _) && !IsPersonal(settings))
        {
            settings.AddAtOrigin("data.evaluation", "stands beside evaluation.data; keep one of them, or set evaluation.personal");
        }
    }

    private static bool IsPersonal(Settings settings) => settings.TryGet("evaluation.personal", out PersonalEvaluation personal) && personal != PersonalEvaluation.None;

    private static void CheckClients(Settings settings, PartitionScheme scheme)
    {
        bool bySource = settings.TryGet("data.partition.by_source", out bool value) && value;
        bool cuts = !DataDefaults.CountsItself(scheme);
        long? clients = settings.TryGet("data.partition.clients", out long given) ? given : null;
        if (settings.TryGet<IReadOnlyList<DataSource>>("data.sources", out var sources))
        {
            bool each = bySource && cuts;
            if (!each && sources.Any(s => s.Clients is not null))
            {
                settings.AddAtOrigin("data.sources", "gives a source its clients, which belongs to data.partition.by_source with a scheme that cuts the data");
            }
            else if (each && sources.Any(s => s.Clients is null))
            {
                settings.AddAtOrigin("data.sources", "must give every source its clients, because data.partition.by_source is true");
            }
            else if (each)
            {
                long all = sources.Sum(s => (long)s.Clients!.Value);
                if (clients is { } other && other != all)
                {
                    settings.AddAtOrigin("data.partition.clients", $"is {other}, but the sources have {all} clients together; write auto");
                }

                clients = all;
            }
        }

        if (settings.IsNone("data.partition.clients") && cuts && !bySource)
        {
            settings.AddAtOrigin("data.partition.clients", "must be a number; auto is for the schemes files and by-field and for data.partition.by_source");
        }

        (string counted, long? available) = settings.TryGet("data.partition.registered", out long registered)
            ? ("data.partition.registered", registered)
            : ("data.partition.clients", clients);
        if (available < clients)
        {
            settings.AddAtOrigin("data.partition.registered", $"is {available}, but there are {clients} shards; register at least as many clients");
        }

        if (available is { } most && settings.TryGet("federation.clients_per_round", out long sampled) && sampled > most)
        {
            string path = settings.IsGiven("federation.clients_per_round") ? "federation.clients_per_round" : counted;
            settings.AddAtOrigin(path, FormattableString.Invariant($"federation.clients_per_round is {sampled}, but {counted} is {most}; sample at most all of them"));
        }
    }
}
