using System.Diagnostics;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Checkpoints;

/// <summary>What a commit costs where many clients keep private states and few of them change.</summary>
/// <param name="CommitSeconds">The quickest commit.</param>
/// <param name="FlushSeconds">What of it went into flushes.</param>
/// <param name="Files">Files in the store afterwards.</param>
/// <param name="Bytes">Bytes of pages that a commit wrote.</param>
internal sealed record KeptStates(double CommitSeconds, double FlushSeconds, int Files, long Bytes)
{
    /// <summary>How many clients change in a round.</summary>
    public const int Changed = 10;

    /// <summary>How many rounds are measured.</summary>
    public const int Rounds = 8;

    private const string StateName = "c";
    private static readonly TensorLayout Layout = new([("x", (IReadOnlyList<int>)[4])]);

    /// <summary>Measures in a new directory.</summary>
    public static KeptStates Measure(PreparedExperiment prepared, string directory, int clients)
    {
        var files = new TimedFiles { Flushes = false };
        using RunDirectory run = RunDirectory.Open(directory, prepared.Experiment, prepared.Inputs, files);
        TensorSet adapter = prepared.InitialAdapter();
        string hash = run.Store.Put(adapter);
        var states = new Dictionary<int, IReadOnlyDictionary<string, string>>();
        for (int client = 0; client < clients; client++)
        {
            states[client] = State(run, client, 0);
        }

        Commit(0);
        files.Flushes = true;
        KeptStates? best = null;
        for (int round = 1; round <= Rounds; round++)
        {
            states = new Dictionary<int, IReadOnlyDictionary<string, string>>(states);
            for (int i = 0; i < Changed; i++)
            {
                int client = ((i * (clients / Changed)) + round) % clients;
                states[client] = State(run, client, round);
            }

            HashSet<string> before = [.. Pages()];
            double flushed = files.FlushSeconds;
            long begun = Stopwatch.GetTimestamp();
            Commit(round);
            double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            if (best is null || seconds < best.CommitSeconds)
            {
                best = new KeptStates(
                    seconds, files.FlushSeconds - flushed, Directory.EnumerateFiles(Path.Combine(directory, "store"), "*", SearchOption.AllDirectories).Count(),
                    Pages().Where(p => !before.Contains(p)).Sum(p => new FileInfo(p).Length));
            }
        }

        return best!;

        void Commit(int round) => run.Journal.Commit(
            new GlobalState(round, adapter, new Dictionary<string, TensorSet>(), 0) { PrivateStates = states }, new RoundRecord { Round = round, Adapter = hash });

        IEnumerable<string> Pages() => Directory.EnumerateFiles(Path.Combine(directory, "store"), "*.json", SearchOption.AllDirectories);
    }

    private static Dictionary<string, string> State(RunDirectory run, int client, int round)
    {
        var tensors = new TensorSet(Layout);
        (tensors.Values[0], tensors.Values[1]) = (client, round);
        return new Dictionary<string, string> { [StateName] = run.Store.Put(tensors) };
    }
}
