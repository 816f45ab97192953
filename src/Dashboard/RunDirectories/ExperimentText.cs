using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>Reads a resolved <c>experiment.yaml</c> as dotted keys and texts, whatever version wrote it.</summary>
internal static class ExperimentText
{
    /// <summary>No values.</summary>
    public static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>();

    /// <summary>Returns the values by dotted key, lists as <c>[a, b]</c>; null where the text is no YAML mapping.</summary>
    public static IReadOnlyDictionary<string, string>? Flatten(string text)
    {
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text));
            if (yaml.Documents.Count != 1 || yaml.Documents[0].RootNode is not YamlMappingNode root)
            {
                return null;
            }

            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            Add(values, string.Empty, root, depth: 0);
            return values;
        }
        catch (YamlException)
        {
            return null;
        }
    }

    private static void Add(Dictionary<string, string> values, string prefix, YamlMappingNode mapping, int depth)
    {
        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = prefix + key;
            switch (value)
            {
                case YamlMappingNode inner when depth < 8:
                    Add(values, name + ".", inner, depth + 1);
                    break;
                case YamlSequenceNode list:
                    values[name] = $"[{string.Join(", ", list.Children.OfType<YamlScalarNode>().Select(s => s.Value))}]";
                    break;
                case YamlScalarNode scalar:
                    values[name] = scalar.Value ?? string.Empty;
                    break;
            }
        }
    }
}
