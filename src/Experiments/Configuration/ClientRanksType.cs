using System.Globalization;
using System.Text;

namespace FedLLM.Experiments.Configuration;

/// <summary>A map from clients' ids to ranks, kept in the order of the ids.</summary>
/// <param name="rank">The ranks' type.</param>
internal sealed class ClientRanksType(IntegerType rank) : ValueType
{
    private const int MaxEntries = 1_000_000;

    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is not MappingNode mapping)
        {
            return ValueReading.Wrong("must be a map from clients' ids to ranks, such as {0: 4, 7: 2}, or {}");
        }

        if (mapping.Entries.Count > MaxEntries)
        {
            return ValueReading.Wrong($"has {mapping.Entries.Count} entries; at most {MaxEntries} are allowed");
        }

        var ranks = new SortedDictionary<int, int>();
        foreach ((ScalarNode key, SourceNode value) in mapping.Entries)
        {
            if (!int.TryParse(key.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int client))
            {
                return ValueReading.Wrong("has a key that is no client's id: ids are whole numbers from 0");
            }

            ValueReading reading = rank.Read(value, folder);
            if (reading.Problem is not null)
            {
                return ValueReading.Wrong("has a value that " + reading.Problem);
            }

            if (!ranks.TryAdd(client, (int)(long)reading.Value!))
            {
                return ValueReading.Wrong("has a client twice; keep one");
            }
        }

        return ValueReading.Of(ranks.ToArray());
    }

    public override string Write(object? value) =>
        "{" + string.Join(", ", ((IReadOnlyList<KeyValuePair<int, int>>)value!).Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Key}: {e.Value}"))) + "}";

    /// <summary>Takes a map as YAML writes it on one line.</summary>
    public override SourceNode FromOverride(string text)
    {
        try
        {
            return YamlTree.Read(Encoding.UTF8.GetBytes(text), "--set");
        }
        catch (ExperimentFileException)
        {
            return base.FromOverride(text);
        }
    }
}
