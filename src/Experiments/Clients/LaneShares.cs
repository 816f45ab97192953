namespace FedLLM.Experiments.Clients;

/// <summary>Deals clients out to lanes that train side by side.</summary>
internal static class LaneShares
{
    /// <summary>
    /// Cuts clients into shares of equal numbers, to within one, and of about equal work: the client with the most goes to the share with the least that has room
    /// (Graham, 1969, "Bounds on multiprocessing timing anomalies"). A share's clients stand in the order they were given in.
    /// </summary>
    /// <param name="clients">The clients.</param>
    /// <param name="work">About how much each one has to do, 0 or more.</param>
    /// <param name="count">Number of shares, at most that of the clients.</param>
    /// <returns>The shares, the one with the most work first.</returns>
    public static IReadOnlyList<int>[] Deal(IReadOnlyList<int> clients, Func<int, double> work, int count)
    {
        if (count == 1)
        {
            return [clients];
        }

        var shares = new List<int>[count]; // of places in the list
        double[] load = new double[count];
        for (int i = 0; i < count; i++)
        {
            shares[i] = [];
        }

        double[] each = [.. clients.Select(work)];
        int larger = clients.Count % count; // so many shares have one client more than the others
        foreach (int place in Enumerable.Range(0, clients.Count).OrderByDescending(i => each[i]))
        {
            int size = clients.Count / count;
            int best = -1;
            for (int i = 0; i < count; i++)
            {
                bool hasRoom = shares[i].Count < size || (shares[i].Count == size && larger > 0);
                if (hasRoom && (best < 0 || load[i] < load[best]))
                {
                    best = i;
                }
            }

            larger -= shares[best].Count == size ? 1 : 0;
            shares[best].Add(place);
            load[best] += each[place];
        }

        return [.. Enumerable.Range(0, count).OrderByDescending(i => load[i]).Select(i => shares[i].Order().Select(place => clients[place]).ToArray())];
    }
}
