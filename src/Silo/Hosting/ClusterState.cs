using Azure.Data.Tables;
using Azure.Storage.Blobs;
using FedLLM.Grains;
using FedLLM.Silo.Localhost;
using FedLLM.Silo.Postgres;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.Hosting;
using Orleans.Serialization;
using Orleans.Storage;

namespace FedLLM.Silo.Hosting;

/// <summary>Where a cluster keeps its members, its grains' state and its reminders, by mode.</summary>
internal static class ClusterState
{
    private const string PostgresInvariant = "Npgsql";

    /// <summary>Adds the providers of the settings' mode.</summary>
    public static void Add(ISiloBuilder silo, SiloSettings settings)
    {
        switch (settings.Mode)
        {
            case ClusterMode.Localhost:
                AddFolder(silo, settings.StateFolder());
                break;
            case ClusterMode.AdoNet:
                AddPostgres(silo, settings.ConnectionString!);
                break;
            case ClusterMode.Azure:
                AddAzure(silo, settings.ConnectionString!, settings.Cluster);
                break;
            default:
                throw new InvalidOperationException($"The mode {settings.Mode} is not handled.");
        }
    }

    private static void AddFolder(ISiloBuilder silo, string folder)
    {
        Directory.CreateDirectory(folder);
        silo.Services.AddSingleton<IMembershipTable>(s => new FolderMembershipTable(folder, s.GetRequiredService<TimeProvider>()));
        silo.Services.AddSingleton<IReminderTable>(s => new FolderReminderTable(folder, s.GetRequiredService<TimeProvider>()));
        silo.Services.AddGrainStorage(
            RunGrain.StorageName, (s, _) => new FolderGrainStorage(folder, new OrleansGrainStorageSerializer(s.GetRequiredService<Serializer>()), s.GetRequiredService<TimeProvider>()));
    }

    private static void AddPostgres(ISiloBuilder silo, string connection)
    {
        PostgresSchema.Ensure(connection);
        silo.UseAdoNetClustering(o => (o.Invariant, o.ConnectionString) = (PostgresInvariant, connection));
        silo.UseAdoNetReminderService(o => (o.Invariant, o.ConnectionString) = (PostgresInvariant, connection));
        silo.AddAdoNetGrainStorage(RunGrain.StorageName, b => b.Configure<Serializer>((o, serializer) =>
            (o.Invariant, o.ConnectionString, o.GrainStorageSerializer) = (PostgresInvariant, connection, new OrleansGrainStorageSerializer(serializer))));
    }

    private static void AddAzure(ISiloBuilder silo, string connection, string cluster)
    {
        RequireReadable(connection);
        silo.UseAzureStorageClustering(o => o.TableServiceClient = new TableServiceClient(connection));
        silo.UseAzureTableReminderService(o => o.Configure(t => t.TableServiceClient = new TableServiceClient(connection)));

        // Tables tell clusters of one account apart; blobs do not, so each cluster has a container.
        silo.AddAzureBlobGrainStorage(RunGrain.StorageName, b => b.Configure<Serializer>((o, serializer) =>
            (o.BlobServiceClient, o.ContainerName, o.GrainStorageSerializer) =
            (new BlobServiceClient(connection), $"grainstate-{cluster}", new OrleansGrainStorageSerializer(serializer))));
    }

    // What the clients say of a connection string that they cannot read could repeat it.
    private static void RequireReadable(string connection)
    {
        try
        {
            _ = new TableServiceClient(connection);
            _ = new BlobServiceClient(connection);
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new SiloSettingsException($"Azure Storage cannot be used ({fault.GetType().Name}); check Silo:ConnectionString", fault);
        }
    }
}
