using System.Globalization;
using System.Text;
using System.Xml;

namespace FedLLM.Experiments.Partitions;

/// <summary>
/// Draws a partition as SVG: a bar for each client, as long as its records, cut by label in fixed colours; of more than <see cref="MaxBars"/> clients the
/// distribution of their sizes instead.
/// </summary>
internal static class PartitionChart
{
    /// <summary>Most clients that have a bar each.</summary>
    public const int MaxBars = 200;

    private const int Left = 150;
    private const int Plot = 620;
    private const int Right = 80;
    private const int Top = 60;
    private const int Row = 16;
    private const int Bins = 20;
    private const string Rest = "#c7c7c7";

    // Okabe and Ito's palette first: told apart by colour-blind eyes.
    private static readonly string[] Colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7a5195", "#4d4d4d", "#8c6d31", "#6b6ecf", "#393b79"];

    /// <summary>Writes the drawing.</summary>
    public static void Write(Stream stream, string title, WrittenPartition partition)
    {
        using var svg = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), NewLineChars = "\n" });
        if (partition.Shards.Count <= MaxBars)
        {
            WriteClients(svg, title, partition);
        }
        else
        {
            WriteSizes(svg, title, partition);
        }
    }

    private static void WriteClients(XmlWriter svg, string title, WrittenPartition partition)
    {
        string[] shown = [.. partition.Labels().Take(Colours.Length).Select(l => l.Label)];
        int legend = shown.Length == 0 ? 0 : Row * (shown.Length + 1);
        Begin(svg, title, Top + (Row * partition.Shards.Count) + 20 + legend, partition);
        double most = partition.Shards.Max(s => s.Records);
        for (int client = 0; client < partition.Shards.Count; client++)
        {
            WrittenShard shard = partition.Shards[client];
            double y = Top + (Row * client);
            Text(svg, Left - 6, y + 11, "end", shard.Name);
            double x = Left;
            int labelled = 0;
            foreach ((string label, int i) in shown.Select((label, i) => (label, i)).Where(l => shard.Labels.ContainsKey(l.label)))
            {
                x = Bar(svg, x, y, Plot * shard.Labels[label] / most, Colours[i], $"{shard.Name}: {label}, {shard.Labels[label]}");
                labelled += shard.Labels[label];
            }

            x = Bar(svg, x, y, Plot * (shard.Records - labelled) / most, shown.Length == 0 ? Colours[0] : Rest, $"{shard.Name}: {shard.Records - labelled} others");
            Text(svg, x + 4, y + 11, "start", shard.Records.ToString(CultureInfo.InvariantCulture));
        }

        for (int i = 0; i < shown.Length; i++)
        {
            double y = Top + (Row * (partition.Shards.Count + 1 + i));
            Bar(svg, Left, y, 12, Colours[i], shown[i]);
            Text(svg, Left + 18, y + 11, "start", shown[i]);
        }

        svg.WriteEndElement();
    }

    private static void WriteSizes(XmlWriter svg, string title, WrittenPartition partition)
    {
        IReadOnlyList<(int From, int To, int Shards)> bins = SizeBins.Of([.. partition.Shards.Select(s => s.Records)], Bins);
        Begin(svg, title, Top + (Row * bins.Count) + 20, partition);
        double most = bins.Max(b => b.Shards);
        for (int i = 0; i < bins.Count; i++)
        {
            double y = Top + (Row * i);
            string range = string.Create(CultureInfo.InvariantCulture, $"{bins[i].From} to {bins[i].To} records");
            Text(svg, Left - 6, y + 11, "end", range);
            double x = Bar(svg, Left, y, Plot * bins[i].Shards / most, Colours[0], $"{range}: {bins[i].Shards}");
            Text(svg, x + 4, y + 11, "start", bins[i].Shards.ToString(CultureInfo.InvariantCulture));
        }

        svg.WriteEndElement();
    }

    private static void Begin(XmlWriter svg, string title, int height, WrittenPartition partition)
    {
        const int Width = Left + Plot + Right;
        svg.WriteStartElement("svg", "http://www.w3.org/2000/svg");
        Attribute(svg, "width", Width);
        Attribute(svg, "height", height);
        svg.WriteAttributeString("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {Width} {height}"));
        svg.WriteAttributeString("font-family", "sans-serif");
        svg.WriteAttributeString("font-size", "11");
        svg.WriteStartElement("rect");
        Attribute(svg, "width", Width);
        Attribute(svg, "height", height);
        svg.WriteAttributeString("fill", "#ffffff");
        svg.WriteEndElement();
        Text(svg, 12, 22, "start", $"{title}: {partition.Records} records, {partition.Shards.Count} clients");
        Text(svg, 12, 40, "start", partition.Shards.Count <= MaxBars ? "records of each client, by label" : "clients by number of records");
    }

    private static double Bar(XmlWriter svg, double x, double y, double width, string colour, string tip)
    {
        if (width > 0)
        {
            svg.WriteStartElement("rect");
            Attribute(svg, "x", x);
            Attribute(svg, "y", y);
            Attribute(svg, "width", width);
            Attribute(svg, "height", Row - 4);
            svg.WriteAttributeString("fill", colour);
            svg.WriteElementString("title", Clean(tip));
            svg.WriteEndElement();
        }

        return x + width;
    }

    private static void Text(XmlWriter svg, double x, double y, string anchor, string text)
    {
        svg.WriteStartElement("text");
        Attribute(svg, "x", x);
        Attribute(svg, "y", y);
        svg.WriteAttributeString("text-anchor", anchor);
        string clean = Clean(text);
        svg.WriteString(anchor == "end" && clean.Length > 24 ? string.Concat("…", clean.AsSpan(clean.Length - 23)) : clean);
        svg.WriteEndElement();
    }

    private static void Attribute(XmlWriter svg, string name, double value) => svg.WriteAttributeString(name, value.ToString("0.##", CultureInfo.InvariantCulture));

    // Labels and names are data: what XML cannot hold, and half a character pair, is replaced.
    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean.Append(rune.IsBmp && !XmlConvert.IsXmlChar((char)rune.Value) ? "\uFFFD" : rune.ToString());
        }

        return clean.ToString();
    }
}
