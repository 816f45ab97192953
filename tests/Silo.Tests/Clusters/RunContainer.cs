using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>The container of a cluster's run directories, as any tool for blobs would copy from it and to it.</summary>
internal sealed class RunContainer
{
    private readonly BlobContainerClient _container;

    public RunContainer(AzuriteServer azurite, string cluster = "fedllm")
    {
        _container = new BlobServiceClient(azurite.ConnectionString).GetBlobContainerClient($"runs-{cluster}");
        _container.CreateIfNotExists();
    }

    /// <summary>The container itself.</summary>
    public BlobContainerClient Client => _container;

    /// <summary>Copies a folder into it.</summary>
    public void Upload(string folder, string name)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            _container.GetBlobClient($"{name}/{Path.GetRelativePath(folder, file).Replace('\\', '/')}").Upload(file, overwrite: true);
        }
    }

    /// <summary>Copies everything below a name into a folder.</summary>
    public void Download(string name, string folder)
    {
        foreach (BlobItem blob in _container.GetBlobs(new GetBlobsOptions { Prefix = name + "/" }))
        {
            string file = Path.Combine(folder, blob.Name[(name.Length + 1)..]);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            _container.GetBlobClient(blob.Name).DownloadTo(file);
        }
    }
}
