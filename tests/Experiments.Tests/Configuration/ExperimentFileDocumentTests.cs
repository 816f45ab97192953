using System.Text.RegularExpressions;
using FedLLM.Experiments.Configuration;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>docs/experiment-file.md says what the schema says: the same keys, defaults and presets.</summary>
public sealed partial class ExperimentFileDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot(), "docs", "experiment-file.md"));

    [Fact]
    public void KeyTables_HoldEveryKeyOnceInTheSchemasOrder() =>
        Assert.Equal(Schema.Keys.Select(k => k.Path), KeyRows().Matches(Document).Select(m => m.Groups["key"].Value));

    [Fact]
    public void KeyTables_GiveTheSchemasDefaults() => Assert.All(KeyRows().Matches(Document), row =>
    {
        Key key = Schema.Find(row.Groups["key"].Value)!;
        if (key.Default is not null)
        {
            Assert.Equal($"`{key.Default}`", row.Groups["default"].Value.Trim());
        }
    });

    [Fact]
    public void KeyTables_MarkWhatNeverChangesAResult() => Assert.All(KeyRows().Matches(Document), row =>
        Assert.Equal(
            Schema.Find(row.Groups["key"].Value)!.Role == KeyRole.Harmless,
            row.Groups["meaning"].Value.Contains("(harmless)", StringComparison.Ordinal)));

    [Fact]
    public void PresetTable_GivesEveryPresetsValues()
    {
        Preset[] presets = [Preset.OpenFedLlmSft, Preset.OpenFedLlmDpo, Preset.Shepherd];
        var written = new Dictionary<(Preset, string), string>();
        foreach (Match row in PresetRows().Matches(Document))
        {
            for (int i = 0; i < presets.Length; i++)
            {
                if (row.Groups[$"p{i}"].Value.Trim() is { Length: > 0 } value)
                {
                    written.Add((presets[i], row.Groups["key"].Value), value.Trim('`'));
                }
            }
        }

        Assert.Equal(
            presets.SelectMany(p => Presets.Values(p).Select(v => ((p, v.Key), v.Value))).Order(),
            written.Select(w => (w.Key, w.Value)).Order());
    }

    // | `key` | default | range | meaning |
    [GeneratedRegex(@"^\| `(?<key>[a-z0-9_.]+)` \|(?<default>[^|]*)\|[^|]*\|(?<meaning>[^|]*)\|$", RegexOptions.Multiline)]
    private static partial Regex KeyRows();

    // | preset: `key` | openfedllm-sft | openfedllm-dpo | shepherd |
    [GeneratedRegex(@"^\| preset: `(?<key>[a-z0-9_.]+)` \|(?<p0>[^|]*)\|(?<p1>[^|]*)\|(?<p2>[^|]*)\|$", RegexOptions.Multiline)]
    private static partial Regex PresetRows();
}
