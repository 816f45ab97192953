namespace FedLLM.Experiments.Configuration;

/// <summary>Finds what a misspelled name was meant to be.</summary>
public static class NearestName
{
    private const int MaxLength = 64;

    /// <summary>
    /// Returns the path whose last name has the smallest edit distance to <paramref name="name"/>, case and the choice of _ or - ignored.
    /// A path outside <paramref name="section"/> counts as one edit further away; ties go to the first.
    /// </summary>
    public static string Find(string name, string section, IEnumerable<string> paths)
    {
        string wanted = Normalize(name.Length <= MaxLength ? name : name[..MaxLength]);
        return paths.MinBy(path =>
        {
            int dot = path.LastIndexOf('.');
            string owner = dot < 0 ? string.Empty : path[..dot];
            return Distance(wanted, Normalize(path[(dot + 1)..])) + (owner == section ? 0 : 1);
        })!;
    }

    /// <summary>
    /// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbors, each of cost 1
    /// (Damerau, 1964, each substring edited at most once).
    /// </summary>
    internal static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            cost[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            cost[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = a[i - 1] == b[j - 1] ? 0 : 1;
                int best = Math.Min(Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1, cost[i - 1, j - 1] + substitution);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    best = Math.Min(best, cost[i - 2, j - 2] + 1);
                }

                cost[i, j] = best;
            }
        }

        return cost[a.Length, b.Length];
    }

    private static string Normalize(string name) => name.ToLowerInvariant().Replace('-', '_');
}
