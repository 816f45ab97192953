using System.Text;
using Azure.Storage.Blobs.Specialized;
using FedLLM.Silo.Blobs;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>What a run directory asks of files, asked of blobs.</summary>
public sealed class BlobFilesTests
{
    [SkippableFact]
    public async Task Files_OfARunDirectory_AreKeptAsBlobs()
    {
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        var container = new RunContainer(azurite);
        var files = new BlobFiles(container.Client, TimeProvider.System);
        string run = Path.Combine(files.Root, "run");

        Assert.Empty(files.List(run));
        Assert.Empty(files.List(run, folders: true));
        // A blob appears whole, when it has its name.
        string file = Path.Combine(run, "file");
        using (Stream stream = files.Create(file + ".tmp"))
        {
            stream.Write("whole"u8);
        }

        Assert.True(files.FileExists(file + ".tmp"));
        Assert.Empty(files.List(run));
        files.Rename(file + ".tmp", file);
        Assert.Equal([file], files.List(run));
        Assert.Equal(("whole", false), (Read(files, file), files.FileExists(file + ".tmp")));
        files.ReadHere(file, (here, path) => Assert.Equal("whole", Read(here, path)));
        files.Rename(file, file + ".damaged");
        Assert.Equal("whole", Read(files, file + ".damaged"));
        Assert.Throws<FileNotFoundException>(() => files.OpenRead(file));
        files.ReadHere(file, (here, path) => Assert.False(here.FileExists(path)));
        files.Create(Path.Combine(run, "store", "ab", "inner")).Dispose();
        Assert.Equal([Path.Combine(run, "store")], files.List(run, folders: true));
        Assert.Equal([run], files.List(files.Root, folders: true));
        Assert.Empty(files.List(Path.Combine(run, "store")));
        files.Delete(file + ".damaged");
        files.Delete(file + ".damaged");
        Assert.Empty(files.List(run));
    }

    [SkippableFact]
    public async Task Append_SeveralWriters_OneAlonePassesAndNothingIsLost()
    {
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        var container = new RunContainer(azurite);
        var files = new BlobFiles(container.Client, TimeProvider.System);
        string path = Path.Combine(files.Root, "run", "journal.jsonl");
        var expected = new StringBuilder();
        string line = new string('x', 20_000) + "\n"; // four of them fill a block
        using (Stream first = files.Append(path))
        {
            for (int i = 0; i < 10; i++)
            {
                first.Write(Encoding.UTF8.GetBytes(i + line));
                expected.Append(i).Append(line);
            }

            Assert.Equal(expected.ToString(), Read(files, path));

            // Whoever opens it later goes on; the first knows nothing of that, and fails.
            using Stream second = files.Append(path);
            second.Write("second\n"u8);
            expected.Append("second\n");
            Assert.Throws<IOException>(() => first.Write("first\n"u8));
            second.Write("more\n"u8);
            expected.Append("more\n");
        }

        Assert.Equal(expected.ToString(), Read(files, path));
        Assert.InRange((await container.Client.GetBlockBlobClient("run/journal.jsonl").GetBlockListAsync()).Value.CommittedBlocks.Count(), 3, 6);

        // What was uploaded in one piece, or cut, is gone on with too.
        files.Truncate(path, 5);
        using (Stream third = files.Append(path))
        {
            third.Write("|end"u8);
        }

        Assert.Equal(expected.ToString(0, 5) + "|end", Read(files, path));
    }

    [SkippableFact]
    public async Task TryLock_LeaseTakenAway_WritesNothingMore()
    {
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        var container = new RunContainer(azurite);
        var files = new BlobFiles(container.Client, TimeProvider.System);
        var other = new BlobFiles(container.Client, TimeProvider.System);
        string folder = Path.Combine(files.Root, "run");
        string path = Path.Combine(folder, "lock");
        using (IDisposable? held = files.TryLock(path))
        {
            Assert.NotNull(held);
            Assert.Null(other.TryLock(path));
            files.Create(Path.Combine(folder, "mine")).Dispose();

            // As where it ran out: the storage gives it to another.
            await container.Client.GetBlobClient("run/lock").GetBlobLeaseClient().BreakAsync(TimeSpan.Zero);
            using IDisposable? theirs = other.TryLock(path);
            Assert.NotNull(theirs);
            await Cluster.UntilAsync(() => !TryWrite(files, Path.Combine(folder, "late")));
            Assert.True(TryWrite(files, Path.Combine(files.Root, "another run", "file")));
            Assert.True(TryWrite(other, Path.Combine(folder, "theirs")));
        }

        using IDisposable? again = files.TryLock(path);
        Assert.NotNull(again);
        Assert.True(TryWrite(files, Path.Combine(folder, "again")));
    }

    private static bool TryWrite(BlobFiles files, string path)
    {
        try
        {
            files.Create(path).Dispose();
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string Read(Experiments.RunDirectories.IRunFiles files, string path)
    {
        using var reader = new StreamReader(files.OpenRead(path));
        return reader.ReadToEnd();
    }
}
