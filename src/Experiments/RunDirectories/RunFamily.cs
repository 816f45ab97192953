using System.Globalization;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Run directories that belong together, one for each client: <c>DIR/clients/ID</c>.</summary>
public static class RunFamily
{
    /// <summary>Returns the folder of the run directories.</summary>
    public static string Folder(string root) => Path.Combine(root, "clients");

    /// <summary>Returns a client's run directory.</summary>
    public static string DirectoryOf(string root, int client) => Path.Combine(Folder(root), client.ToString(CultureInfo.InvariantCulture));

    /// <summary>Returns the run directories of a family, ascending by client; empty where <paramref name="directory"/> is a run directory itself, or none.</summary>
    public static IReadOnlyList<string> Members(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        string root = Path.GetFullPath(directory);
        if (File.Exists(new RunPaths(root).Experiment) || !Directory.Exists(Folder(root)))
        {
            return [];
        }

        return
        [
            .. Directory.EnumerateDirectories(Folder(root))
                .Select(d => int.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out int client) ? client : -1)
                .Where(client => client >= 0 && File.Exists(new RunPaths(DirectoryOf(root, client)).Experiment))
                .Distinct().Order()
                .Select(client => DirectoryOf(root, client)),
        ];
    }
}
