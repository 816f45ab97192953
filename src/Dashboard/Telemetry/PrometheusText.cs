using System.Globalization;
using System.Text;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Telemetry;

/// <summary>Metrics in Prometheus' text format, version 0.0.4.</summary>
internal static class PrometheusText
{
    /// <summary>Returns the metrics that have a value.</summary>
    public static string Write(IRunFeed feed)
    {
        var text = new StringBuilder();
        foreach (FeedMetric metric in FeedMetrics.All)
        {
            string name = metric.IsCounter ? metric.Name + "_total" : metric.Name;
            bool headed = false;
            foreach (MetricSample sample in metric.Samples(feed))
            {
                if (!headed)
                {
                    text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {metric.Help}\n# TYPE {name} {(metric.IsCounter ? "counter" : "gauge")}\n");
                    headed = true;
                }

                text.Append(CultureInfo.InvariantCulture, $"{name}{{{string.Join(',', sample.Labels.Select(l => $"{l.Name}=\"{Escape(l.Value)}\""))}}} {sample.Value:R}\n");
            }
        }

        return text.ToString();
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
