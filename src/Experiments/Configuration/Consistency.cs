namespace FedLLM.Experiments.Configuration;

/// <summary>
/// What no key can tell alone: values that do not fit one another, and values of the design that are not built yet. It looks at what could be read, so
/// that these errors are listed together with those of single keys.
/// </summary>
internal static class Consistency
{
    /// <summary>Notes every inconsistency where its keys were given.</summary>
    public static void Check(Settings settings)
    {
        CheckClients(settings);
        CheckPartition(settings);
        if (settings.TryGet("training.schedule", out LearningRateSchedule schedule)
            && schedule == LearningRateSchedule.CosineByRound
            && settings.TryGet("training.min_learning_rate", out double minimum)
            && settings.TryGet("training.learning_rate", out double rate)
            && minimum > rate)
        {
            settings.AddAtOrigin("training.min_learning_rate", "is above training.learning_rate; a schedule falls, it does not rise");
        }

        Refuse<double>("federation.deadline", "is not built yet; only none is");
        Refuse<double>("training.epochs", "is not built yet; write none and count in training.max_steps");
        Refuse<HeldOutData>("data.evaluation", "is not built yet; only none is (the global adapter is evaluated on evaluation.data)");

        void Refuse<T>(string path, string message)
        {
            if (settings.TryGet<T>(path, out _))
            {
                settings.AddAtOrigin(path, message);
            }
        }
    }

    private static void CheckClients(Settings settings)
    {
        if (settings.TryGet("data.partition.clients", out long clients))
        {
            if (settings.TryGet("federation.clients_per_round", out long sampled) && sampled > clients)
            {
                string path = settings.IsGiven("federation.clients_per_round") ? "federation.clients_per_round" : "data.partition.clients";
                settings.AddAtOrigin(path, FormattableString.Invariant(
                    $"federation.clients_per_round is {sampled}, but data.partition.clients is {clients}; sample at most all of them"));
            }
        }
        else if (settings.IsNone("data.partition.clients")
            && settings.TryGet("data.partition.scheme", out PartitionScheme scheme)
            && scheme is not (PartitionScheme.Files or PartitionScheme.ByField))
        {
            settings.AddAtOrigin("data.partition.clients", "must be a number; auto is for the schemes files and by-field");
        }
    }

    private static void CheckPartition(Settings settings)
    {
        if (!settings.TryGet("data.partition.scheme", out PartitionScheme scheme))
        {
            return;
        }

        RequireUse<string>("data.partition.field", "dirichlet, shards and by-field", PartitionScheme.Dirichlet, PartitionScheme.Shards, PartitionScheme.ByField);
        RequireUse<double>("data.partition.alpha", "dirichlet", PartitionScheme.Dirichlet);
        RequireUse<long>("data.partition.min_size", "dirichlet", PartitionScheme.Dirichlet);
        RequireUse<long>("data.partition.shards_per_client", "shards", PartitionScheme.Shards);

        void RequireUse<T>(string path, string users, params PartitionScheme[] schemes)
        {
            bool used = schemes.Contains(scheme);
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
}
