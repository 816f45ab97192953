using System.Text;

namespace FedLLM.Experiments.Configuration;

/// <summary>The canonical form of an experiment: every key, in one order and one spelling, paths absolute.</summary>
public static class ResolvedYaml
{
    /// <summary>Writes <paramref name="experiment"/>; reading it back gives an equal experiment, whatever the folder.</summary>
    public static string Write(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        var text = new StringBuilder();
        string open = string.Empty;
        foreach (Key key in Schema.Keys)
        {
            if (key.Section != open)
            {
                OpenSection(text, open, key.Section);
                open = key.Section;
            }

            Indent(text, key.Section).Append(key.Name).Append(": ").Append(key.Type.Write(key.Value(experiment))).Append('\n');
        }

        return text.ToString();
    }

    private static void OpenSection(StringBuilder text, string open, string section)
    {
        int dot = section.LastIndexOf('.');
        string parent = dot < 0 ? string.Empty : section[..dot];
        if (parent.Length > 0 && parent != open)
        {
            OpenSection(text, open, parent);
        }

        Indent(text, parent).Append(section[(dot + 1)..]).Append(":\n");
    }

    private static StringBuilder Indent(StringBuilder text, string section) =>
        text.Append(' ', section.Length == 0 ? 0 : 2 * section.Split('.').Length);
}
