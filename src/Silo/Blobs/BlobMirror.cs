using System.Collections.Concurrent;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace FedLLM.Silo.Blobs;

/// <summary>
/// Copies on this machine of those blobs of run directories that tell of a run, for the dashboard, which follows files. What only grows is fetched from where the copy ends.
/// </summary>
internal sealed class BlobMirror : IDisposable
{
    private const int Witness = 256; // bytes by which a copy's end is known again
    private const int MaxGrowth = 1 << 26; // more is fetched into a new copy

    private static readonly string[] Told = ["experiment.yaml", "clients.json", "rounds.jsonl", "journal.jsonl"];

    private readonly BlobContainerClient _container;
    private readonly ConcurrentDictionary<string, Dictionary<string, ETag>> _runs = new(StringComparer.Ordinal);

    /// <summary>Makes an empty folder for the copies.</summary>
    public BlobMirror(BlobContainerClient container) => _container = container;

    /// <summary>Where the copies are, a folder for each run.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("fedllm-runs-").FullName;

    /// <summary>Brings what tells of a run up to date.</summary>
    /// <exception cref="IOException">The storage or this machine's disk refuses.</exception>
    public void Refresh(string run)
    {
        Dictionary<string, ETag> known = _runs.GetOrAdd(run, _ => []);
        lock (known)
        {
            string prefix = run + "/";
            BlobItem[] blobs = BlobFiles.Asked(() => _container.GetBlobsByHierarchy(new GetBlobsByHierarchyOptions { Delimiter = "/", Prefix = prefix })
                .Where(i => i.IsBlob && Told.Contains(i.Blob.Name[prefix.Length..], StringComparer.Ordinal)).Select(i => i.Blob).ToArray());
            foreach (string gone in Told.Except(blobs.Select(b => b.Name[prefix.Length..]), StringComparer.Ordinal).Where(known.Remove))
            {
                File.Delete(Path.Combine(Folder, run, gone));
            }

            // First the experiment, by which the folder is known for a run; last the journal.
            foreach (BlobItem blob in blobs.OrderBy(b => Array.IndexOf(Told, b.Name[prefix.Length..])))
            {
                string name = blob.Name[prefix.Length..];
                if (!known.TryGetValue(name, out ETag tag) || tag != blob.Properties.ETag)
                {
                    known[name] = Fetch(blob.Name, Path.Combine(Folder, run, name), blob.Properties.ContentLength ?? 0);
                }
            }
        }
    }

    /// <summary>Fetches files of a run. Nothing happens where they are gone.</summary>
    /// <param name="run">The run.</param>
    /// <param name="names">Their names in its directory.</param>
    /// <exception cref="IOException">The storage or this machine's disk refuses.</exception>
    public void Fetch(string run, IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            try
            {
                Fetch($"{run}/{name}", Path.Combine(Folder, run, name), 0);
            }
            catch (FileNotFoundException)
            {
                // Whoever opens it finds that it is not there.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    private ETag Fetch(string name, string path, long length)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        BlobClient blob = _container.GetBlobClient(name);
        long have = File.Exists(path) ? new FileInfo(path).Length : 0;
        if (name.EndsWith(".jsonl", StringComparison.Ordinal) && have > 0 && length > have && length - have < MaxGrowth && TryGrow(blob, path, have) is { } grown)
        {
            return grown;
        }

        string fresh = path + ".tmp";
        ETag tag = BlobFiles.Asked(() => blob.DownloadTo(fresh)).Headers.ETag ?? default;
        File.Move(fresh, path, overwrite: true);
        return tag;
    }

    // Null where what stands before the copy's end is not what the blob has there.
    private static ETag? TryGrow(BlobClient blob, string path, long have)
    {
        using FileStream copy = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);
        int overlap = (int)Math.Min(Witness, have);
        var end = new byte[overlap];
        copy.Position = have - overlap;
        copy.ReadExactly(end);
        BlobDownloadResult more = BlobFiles.Asked(() => blob.DownloadContent(new BlobDownloadOptions { Range = new HttpRange(have - overlap) }).Value);
        ReadOnlySpan<byte> bytes = more.Content.ToMemory().Span;
        if (!bytes.StartsWith(end))
        {
            return null;
        }

        copy.Write(bytes[overlap..]);
        return more.Details.ETag;
    }
}
