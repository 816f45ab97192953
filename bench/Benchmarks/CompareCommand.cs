using System.Globalization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>compare FILE.yaml [--seeds 1,2,3] [--set key=value]… [--out FILE]</c>: by seed, the federated adapter on the held-out data against every client alone with as
/// many optimizer steps as the whole federation: held-out losses, or preferences where the task is dpo.
/// </summary>
internal static class CompareCommand
{
    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        string file = args[0];
        string[] seeds = (Arguments.Option(args, "--seeds") ?? "1,2,3").Split(',');
        string[] overrides = Arguments.Options(args, "--set");
        IComparisonTable table = ExperimentFile.Read(file, overrides).Task == TaskKind.Dpo ? new PreferenceTable() : new LossTable();
        string settings = string.Concat(overrides.Select(o => $" --set {o}"));
        for (int done = 0; done < seeds.Length; done++)
        {
            string folder = Directory.CreateTempSubdirectory("fedllm-compare").FullName;
            try
            {
                PreparedExperiment prepared = PreparedExperiment.Prepare(ExperimentFile.Read(file, [.. overrides, $"seed={seeds[done]}"]));
                table.Add(seeds[done], prepared, Path.Combine(folder, "run"));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }

            // Written after every seed: a long comparison that is cut short leaves what it has.
            var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
            text.WriteLine($"# Federated against local: {file}");
            text.WriteLine();
            text.WriteLine(
                $"`dotnet run -c Release --project bench/Benchmarks -- compare {file} --seeds {string.Join(',', seeds[..(done + 1)])}{settings}`, {Machine.Describe()}.");
            text.WriteLine();
            table.Write(text);
            if (Arguments.Option(args, "--out") is { } path)
            {
                File.WriteAllText(path, text.ToString());
            }

            Console.Error.WriteLine($"seed {seeds[done]} done");
            if (done == seeds.Length - 1)
            {
                Console.Write(text);
            }
        }

        return 0;
    }
}

/// <summary>What is compared, gathered seed by seed.</summary>
internal interface IComparisonTable
{
    /// <summary>Runs the experiment in <paramref name="directory"/>, trains its clients alone, and keeps what is measured.</summary>
    void Add(string seed, PreparedExperiment prepared, string directory);

    /// <summary>Writes the table and what belongs to it.</summary>
    void Write(TextWriter text);
}
