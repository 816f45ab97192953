using Azure;
using Azure.Core;
using Azure.Storage.Blobs;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Silo.Hosting;

namespace FedLLM.Silo.Blobs;

/// <summary>Where a silo keeps run directories: a folder, or a container of Azure Blob Storage.</summary>
/// <param name="Root">Where their paths begin.</param>
/// <param name="Files">What they are kept on.</param>
/// <param name="Mirror">Copies for the dashboard; null where the files themselves are on this machine.</param>
internal sealed record RunStore(string Root, IRunFiles Files, BlobMirror? Mirror) : IDisposable
{
    // Somebody waits: what does not answer now is asked again by the run itself.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>The folder in which the dashboard finds the runs.</summary>
    public string Shown => Mirror?.Folder ?? Root;

    /// <summary>Opens what the settings name, and makes it where it is absent.</summary>
    /// <exception cref="SiloSettingsException">The storage cannot be used.</exception>
    public static RunStore Open(SiloSettings settings, TimeProvider clock)
    {
        if (!settings.StoresBlobs)
        {
            string folder = Path.GetFullPath(settings.Store);
            Directory.CreateDirectory(folder);
            return new RunStore(folder, DiskFiles.Instance, null);
        }

        try
        {
            var options = new BlobClientOptions { Retry = { MaxRetries = 2, Delay = TimeSpan.FromMilliseconds(300), Mode = RetryMode.Exponential, NetworkTimeout = Patience } };
            BlobContainerClient container = new BlobServiceClient(settings.BlobConnection(), options).GetBlobContainerClient($"runs-{settings.Cluster}");
            container.CreateIfNotExists();
            var files = new BlobFiles(container, clock);
            return new RunStore(files.Root, files, settings.ApiUri is null ? null : new BlobMirror(container));
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException or InvalidOperationException or RequestFailedException or AggregateException or OperationCanceledException)
        {
            // What is said of a connection string that cannot be read could repeat it.
            throw new SiloSettingsException($"Azure Blob Storage cannot be used ({fault.GetType().Name}); check {settings.BlobConnectionName} and the server", fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Mirror?.Dispose();
}
