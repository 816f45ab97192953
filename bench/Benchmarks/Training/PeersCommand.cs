using System.Globalization;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Benchmarks.Training;

/// <summary>
/// <c>peers [--python "COMMAND"] [--case NAME] [--preload LIBRARY] [--peers LOOP:TYPE[:plain],…] [--repeats N] [--threads N] [--shared DIR] [--out FILE]</c>: our training and
/// PyTorch's (bench/peers/peer.py) on the same model directory and the same batches, in turns, each in a process of its own. Their losses are compared.
/// Without <c>--python</c> ours runs alone. <c>--preload</c> names a faster allocator for the peers, but not for those that are plain. With <c>--out</c> the rows of the measured cases take the place of those that the file has.
/// </summary>
internal static class PeersCommand
{
    private const string DefaultPeers = "transformers:float32:plain,transformers:float32,lean:float32,lean:bfloat16";

    // Two exact implementations differ by rounding; an implementation of something else by more.
    private const double LossTolerance = 1e-3;

    /// <summary>Measures, prints the table and writes it; fails where a float32 peer did other work.</summary>
    public static int Run(string[] args)
    {
        int repeats = int.Parse(Arguments.Option(args, "--repeats") ?? "5", CultureInfo.InvariantCulture);
        int threads = int.Parse(Arguments.Option(args, "--threads") ?? "2", CultureInfo.InvariantCulture);
        string shared = Arguments.Shared(args);
        string? python = Arguments.Option(args, "--python");
        string? preload = Arguments.Option(args, "--preload");
        string[] peers = python is null ? [] : (Arguments.Option(args, "--peers") ?? DefaultPeers).Split(',');
        if (preload is null)
        {
            peers = [.. peers.Select(p => p.Replace(":plain", string.Empty, StringComparison.Ordinal)).Distinct()];
        }

        if (python is null)
        {
            Console.Error.WriteLine("No --python: ours runs alone (bench/peers/README.md says how to bring a peer up).");
        }

        var table = new PeersTable(Arguments.Option(args, "--out"), threads);
        bool equal = true;
        foreach (string name in Arguments.Option(args, "--case")?.Split(',') ?? TrainingCases.All.Select(c => c.Name))
        {
            if (TrainingCases.Make(name, shared) is not { } work)
            {
                Console.Error.WriteLine($"{name}: skipped, {shared} is absent");
                continue;
            }

            equal &= Measure(work, python, preload, peers, threads, repeats, table);
        }

        Console.Write(table.Write());
        return equal ? 0 : 1;
    }

    private static bool Measure(TrainingCase work, string? python, string? preload, string[] peers, int threads, int repeats, PeersTable table)
    {
        using var folder = new TemporaryFolder();
        string script = Path.Combine(folder.Path, "peer.py");
        CaseFolder.Write(folder.Path, work);
        using (Stream source = typeof(PeersCommand).Assembly.GetManifestResourceStream("peer.py")!)
        using (FileStream target = File.Create(script))
        {
            source.CopyTo(target);
        }

        // The weights that were drawn for the folder may fill much of the memory.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var contestants = new List<Contestant>();
        try
        {
            foreach (int lanes in work.Lanes)
            {
                contestants.Add(Contestant.Ours(OurName(work, lanes), folder.Path, work, threads, lanes));
            }

            foreach (string[] peer in peers.Select(p => p.Split(':')))
            {
                contestants.Add(Contestant.Peer(python!, script, folder.Path, peer[0], peer[1], peer.Length > 2 ? null : preload, threads));
            }

            Contestant.Race(contestants, repeats);
            double operations = UsefulWork.Operations(work, ModelDirectory.LoadConfig(Path.Combine(folder.Path, "model")));
            return table.Add(work, contestants, operations, LossTolerance);
        }
        finally
        {
            contestants.ForEach(c => c.Dispose());
        }
    }

    private static string OurName(TrainingCase work, int lanes)
    {
        string clients = work.Lanes.Count == 1 ? string.Empty : lanes == 1 ? ", one client after another" : $", {lanes} lanes";
        return $"FedLLM{(work.Storage == WeightStorage.BFloat16 ? ", bfloat16 base" : string.Empty)}{clients}";
    }
}
