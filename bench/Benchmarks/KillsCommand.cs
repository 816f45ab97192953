using System.Globalization;
using FedLLM.TestSupport;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>kills [--kills 300] [--seed 1] [--program fedllm.dll] [--out FILE]</c>: runs of the demo's model and data whose processes are killed at random instants and
/// resumed until they end, against undisturbed ones. The program must have been built.
/// </summary>
internal static class KillsCommand
{
    private static readonly string[] Small =
    [
        "configs/demo.yaml", "--set", "federation.rounds=10", "--set", "federation.clients_per_round=4", "--set", "training.max_steps=2", "--set", "evaluation.every=5",
    ];

    private static readonly string[] DropOuts = ["federation.algorithm=scaffold", "simulation.drop_out=0.3", "federation.quorum=0.25"];

    private static readonly string[] FedAdam = ["federation.algorithm=fedadam"];

    private static readonly string[] OneLane = ["training.lanes=1", "checkpoint.every=3"];

    private static readonly (string Name, string[] Settings)[] Runs =
    [
        ("scaffold, clients drop out", DropOuts),
        ("fedadam", FedAdam),
        ("scaffold, clients drop out, one lane, checkpoint.every 3", [.. DropOuts, .. OneLane]),
        ("fedadam, one lane, checkpoint.every 3", [.. FedAdam, .. OneLane]),
    ];

    /// <summary>Kills, prints the table and writes it to the file named by <c>--out</c>; 1 where a run did not end as the undisturbed one or a client trained twice.</summary>
    public static int Run(string[] args)
    {
        int kills = int.Parse(Arguments.Option(args, "--kills") ?? "300", CultureInfo.InvariantCulture);
        int seed = int.Parse(Arguments.Option(args, "--seed") ?? "1", CultureInfo.InvariantCulture);
        string program = Path.GetFullPath(Arguments.Option(args, "--program") ?? "src/Cli/bin/Release/net10.0/fedllm.dll");
        string folder = Directory.CreateTempSubdirectory("fedllm-kills-").FullName;
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Killed runs");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- kills --kills {kills} --seed {seed}`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine(
            """
            `fedllm run` on the demo's model and data, ended by SIGKILL after a time drawn uniformly from the whole life of an undisturbed process, and started again,
            until the run ends; then its adapter's SHA-256 is compared with the undisturbed run's. A client is redone where the journal holds its training as
            finished and it trained again for the same round.

            | run | kills | before the first checkpoint | runs ended | equal | clients finished | redone |
            |---|---:|---:|---:|---:|---:|---:|
            """);
        var all = new KillTally(0, 0, 0, 0, 0, 0);
        for (int i = 0; i < Runs.Length; i++)
        {
            int share = (kills * (i + 1) / Runs.Length) - (kills * i / Runs.Length);
            string[] arguments = [.. Small, .. Runs[i].Settings.SelectMany(s => (string[])["--set", s])];
            KillTally tally = new KillProgram(program, arguments, folder, seed + i).RunAsync(share).GetAwaiter().GetResult();
            text.WriteLine(Row(Runs[i].Name, tally));
            Console.Error.WriteLine(Row(Runs[i].Name, tally));
            all += tally;
        }

        text.WriteLine(Row("all", all));
        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        Directory.Delete(folder, recursive: true);
        return all.Equal == all.Runs && all.Redone == 0 ? 0 : 1;
    }

    private static string Row(string name, KillTally t) => string.Create(
        CultureInfo.InvariantCulture, $"| {name} | {t.Kills} | {t.BeforeCheckpoint} | {t.Runs} | {t.Equal} | {t.Finished} | {t.Redone} |");
}
