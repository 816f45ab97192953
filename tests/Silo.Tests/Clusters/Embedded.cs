using System.Collections.Concurrent;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using FedLLM.TestSupport;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>The demo's experiment in this process.</summary>
internal static class Embedded
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<string>>> Known = new(StringComparer.Ordinal);

    /// <summary>Runs it in a folder of its own and returns the final adapter's hash; of one experiment once, however many tests ask.</summary>
    public static Task<string> HashAsync(params string[] overrides) => Known.GetOrAdd(string.Join('\n', overrides), _ => new(async () =>
    {
        string directory = Directory.CreateTempSubdirectory("fedllm-embedded-").FullName;
        string hash = await RunAsync(directory, overrides);
        Directory.Delete(directory, recursive: true);
        return hash;
    })).Value;

    /// <summary>Runs it, or continues it where the directory left off, and returns the final adapter's hash.</summary>
    public static Task<string> RunAsync(string directory, params string[] overrides) => RunAsync(directory, overrides, [], CancellationToken.None);

    /// <summary>Runs it until a round is committed, and stops.</summary>
    public static async Task RunUntilAsync(string directory, int round, params string[] overrides)
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(directory, overrides, [new StopAt(round, stop)], stop.Token));
    }

    private static async Task<string> RunAsync(string directory, string[] overrides, IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        var prepared = PreparedExperiment.Prepare(ExperimentFile.Read(DemoExperiment.File, overrides), null, cancellationToken);
        return (await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(directory, observers, cancellationToken)).AdapterHash;
    }

    private sealed class StopAt(int round, CancellationTokenSource stop) : IRunObserver
    {
        public void RoundStarted(int at, IReadOnlyList<int> cohort)
        {
        }

        public void ClientFinished(int at, ClientOutcome outcome)
        {
        }

        public void RoundCommitted(RoundRecord record)
        {
            if (record.Round == round)
            {
                stop.Cancel();
            }
        }
    }
}
