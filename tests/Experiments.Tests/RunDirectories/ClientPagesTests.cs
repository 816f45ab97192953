using System.Globalization;
using FedLLM.Experiments.RunDirectories;
using States = System.Collections.Generic.IReadOnlyDictionary<int, System.Collections.Generic.IReadOnlyDictionary<string, string>>;

namespace FedLLM.Experiments.Tests.RunDirectories;

public sealed class ClientPagesTests
{
    [Fact]
    public void Put_ThenGet_GivesTheSameStates()
    {
        using var folder = new TemporaryFolder();
        States states = Some(0, 1, 255, 256, 70_000);

        SortedDictionary<int, string> pages = New(folder).Put(states);

        Assert.Equal([0, 1, 70_000 / ClientPages.ClientsPerPage], pages.Keys);
        States back = New(folder).Get(pages);
        Assert.Equal(states.Keys.Order(), back.Keys.Order());
        Assert.All(states, s => Assert.Equal(s.Value, back[s.Key]));
    }

    [Fact]
    public void Put_FewOfManyClientsChanged_WritesTheirPagesAlone()
    {
        using var folder = new TemporaryFolder();
        const int Clients = 100_000;
        var states = Some([.. Enumerable.Range(0, Clients)]).ToDictionary();
        SortedDictionary<int, string> before = New(folder).Put(states);
        var counted = new CountingFiles();
        var pages = new ClientPages(folder["store"], counted);
        var next = pages.Get(before).ToDictionary();
        counted.Created = 0;
        foreach (int client in (int[])[3, 7, 50_000])
        {
            next[client] = new Dictionary<string, string> { ["c"] = Hash(client + 1) };
        }

        SortedDictionary<int, string> after = pages.Put(next);

        Assert.Equal(2, counted.Created);
        Assert.Equal([0, 50_000 / ClientPages.ClientsPerPage], after.Where(p => before[p.Key] != p.Value).Select(p => p.Key));
        Assert.Equal(Hash(8), New(folder).Get(after)[7]["c"]);
        Assert.Equal(Hash(8), New(folder).Get(before)[8]["c"]);
    }

    [Fact]
    public void Put_ClientGone_LeavesItsPage()
    {
        using var folder = new TemporaryFolder();
        ClientPages pages = New(folder);
        pages.Put(Some(1, 2, 300));

        SortedDictionary<int, string> fewer = pages.Put(Some(1));

        Assert.Equal([1], New(folder).Get(fewer).Keys);
    }

    [Fact]
    public void Get_PageDamaged_IsNamed()
    {
        using var folder = new TemporaryFolder();
        SortedDictionary<int, string> pages = New(folder).Put(Some(1));
        string path = Directory.GetFiles(folder["store"], "*.json", SearchOption.AllDirectories).Single();
        File.WriteAllText(path, File.ReadAllText(path).Replace("c", "d", StringComparison.Ordinal));

        var failure = Assert.Throws<RunStorageException>(() => New(folder).Get(pages));

        Assert.Contains(path, failure.Message, StringComparison.Ordinal);
        Assert.Contains("damaged", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("scaffold", 1)]
    [InlineData("fedsa", 2)]
    public void Run_PrivateStates_AreKeptAsLongAsACheckpointNamesThem(string method, int kinds)
    {
        using var folder = new TemporaryFolder();
        var run = ToyRun.Of(method, folder["run"], "federation.rounds=9", "checkpoint.keep=2");
        run.Run();
        var store = new FileTensorStore(run.Paths.Store);
        var named = new HashSet<string>();
        foreach ((int round, string path) in run.Paths.Manifests(DiskFiles.Instance))
        {
            Manifest manifest = ManifestFile.Read(DiskFiles.Instance, path, round)!;
            States states = new ClientPages(run.Paths.Store, DiskFiles.Instance).Get(manifest.Clients!);
            Assert.All(states.Values, s => Assert.Equal(kinds, s.Count));
            named.UnionWith(manifest.Hashes.Concat(states.Values.SelectMany(s => s.Values)));
        }

        Assert.Equal(named.Order(), store.Hashes.Order());
        Assert.All(named, hash => Assert.True(store.IsWhole(hash)));
    }

    [Fact]
    public void Run_PrivateStateDamaged_IsNamedAndThenAnOlderCheckpointIsUsedOrTheRunRefuses()
    {
        using var folder = new TemporaryFolder();
        string expected = ToyRun.Of("scaffold", folder["undisturbed"], "federation.rounds=8").Run();
        var run = ToyRun.Of("scaffold", folder["run"], "federation.rounds=8");
        run.Run(lastRound: 5);
        States states;
        using (RunDirectory directory = RunDirectory.Open(run.Folder, run.Experiment, ToyRun.Inputs))
        {
            states = directory.Journal.Load()!.PrivateStates;
        }

        foreach (string hash in states.Values.Select(s => s["c"]))
        {
            var copy = ToyRun.Of("scaffold", folder.Copy(run.Folder, "copy"), "federation.rounds=8");
            string path = Path.Combine(copy.Paths.Store, hash[..2], hash + ".safetensors");
            byte[] bytes = File.ReadAllBytes(path);
            bytes[^1] ^= 1;
            File.WriteAllBytes(path, bytes);
            var outcomes = new List<string>();
            for (int attempt = 0; attempt < 3; attempt++)
            {
                try
                {
                    outcomes.Add(copy.Run());
                    break;
                }
                catch (RunStorageException e)
                {
                    outcomes.Add(e.Message);
                }
            }

            // Where its client is sampled again, the damage is met; the next opening does without the file, from a checkpoint that does not name it, or refuses.
            Assert.True(outcomes[^1] == expected || outcomes[^1].Contains("no checkpoint is whole", StringComparison.Ordinal), outcomes[^1]);
            Assert.All(outcomes.SkipLast(1), o => Assert.Contains(hash, o, StringComparison.Ordinal));
            Directory.Delete(copy.Folder, recursive: true);
        }
    }

    private static ClientPages New(TemporaryFolder folder) => new(folder["store"], UnsyncedFiles.Instance);

    private static States Some(params int[] clients) =>
        clients.ToDictionary(c => c, c => (IReadOnlyDictionary<string, string>)new SortedDictionary<string, string> { ["c"] = Hash(c) });

    private static string Hash(int number) => number.ToString("x64", CultureInfo.InvariantCulture);

    // Counts the files that are written.
    private sealed class CountingFiles : IRunFiles
    {
        private readonly UnsyncedFiles _inner = UnsyncedFiles.Instance;

        public int Created { get; set; }

        public bool FileExists(string path) => _inner.FileExists(path);

        public IReadOnlyList<string> List(string folder, bool folders = false) => _inner.List(folder, folders);

        public void CreateFolder(string path) => _inner.CreateFolder(path);

        public Stream OpenRead(string path) => _inner.OpenRead(path);

        public Stream Create(string path)
        {
            Created++;
            return _inner.Create(path);
        }

        public Stream Append(string path) => _inner.Append(path);

        public void Sync(Stream file) => _inner.Sync(file);

        public void SyncFolder(string path) => _inner.SyncFolder(path);

        public void Rename(string from, string to) => _inner.Rename(from, to);

        public void Truncate(string path, long length) => _inner.Truncate(path, length);

        public void Delete(string path) => _inner.Delete(path);

        public IDisposable? TryLock(string path) => _inner.TryLock(path);
    }
}
