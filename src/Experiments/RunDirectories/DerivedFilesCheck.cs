using FedLLM.Engine.Files;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Checks what a run directory holds for its readers, which follows from journal, checkpoints and data: <c>rounds.jsonl</c>, <c>adapter/</c>, <c>clients.json</c>.</summary>
internal sealed class DerivedFilesCheck(IRunFiles files, RunPaths paths, VerificationFindings findings)
{
    /// <summary>Checks all three.</summary>
    /// <param name="experiment">The experiment; null where it is damaged.</param>
    /// <param name="manifests">The whole checkpoints, the newest last.</param>
    /// <param name="records">The journal's records, each round's last.</param>
    /// <param name="ended">Whether the run has ended: what does not follow then is damage, and not what an interruption left.</param>
    /// <param name="isWhole">Whether the store holds the tensors of that hash, whole.</param>
    /// <exception cref="RunStorageException">A file cannot be read.</exception>
    public void Check(Experiment? experiment, IReadOnlyList<Manifest> manifests, RoundRecord[] records, bool ended, Func<string, bool> isWhole)
    {
        CheckRounds(records, manifests.Count == 0 ? -1 : manifests[^1].Round, ended);
        CheckAdapter(experiment, manifests, ended, isWhole);
        CheckClients();
    }

    private void CheckRounds(RoundRecord[] records, int committed, bool ended)
    {
        byte[] found = files.ReadWhole(paths.Rounds) ?? [];
        byte[] must = [.. records.Where(r => r.Round <= committed).SelectMany(RoundLines.ToBytes)];
        byte[] may = [.. records.SelectMany(RoundLines.ToBytes)];
        if (found.AsSpan().SequenceEqual(must))
        {
            findings.Whole(found.Length);
        }
        else if (!ended && may.AsSpan().StartsWith(found))
        {
            findings.Notes.Add($"{paths.Rounds}: is not trimmed to the newest checkpoint; the next run does it.");
        }
        else
        {
            findings.Damage.Add($"{paths.Rounds}: does not follow from the journal; the next run writes it anew.");
        }
    }

    // What adapter/ shows follows from the newest checkpoint's state: it is made once more and compared. An interruption leaves that of the checkpoint before.
    private void CheckAdapter(Experiment? experiment, IReadOnlyList<Manifest> manifests, bool ended, Func<string, bool> isWhole)
    {
        if (experiment is null || manifests.Count == 0 || !HashesOf(manifests[^1]).All(isWhole))
        {
            // What it follows from is damaged, and named.
            return;
        }

        var adapter = StateAdapter.For(experiment);
        Lazy<AdapterExport>[] shown = [.. manifests.Where(m => HashesOf(m).All(isWhole)).Select(m => new Lazy<AdapterExport>(() => Shown(adapter, m)))];
        string? weights = files.HashOf(paths.AdapterWeights);
        Compare(paths.AdapterWeights, weights is null, export => SafetensorsWriter.Hash(export.Weights) == weights);
        byte[]? config = files.ReadWhole(paths.AdapterConfig);
        Compare(paths.AdapterConfig, config is null, export => export.Config.Span.SequenceEqual(config));

        void Compare(string path, bool missing, Func<AdapterExport, bool> isIt)
        {
            if (!missing && isIt(shown[^1].Value))
            {
                findings.Whole(path);
            }
            else if (!ended && (missing || shown.Any(s => isIt(s.Value))))
            {
                findings.Notes.Add($"{path}: is not that of the newest checkpoint; the next run restores it.");
            }
            else
            {
                findings.Damage.Add($"{path}: does not follow from the newest checkpoint; the next run restores it.");
            }
        }
    }

    private AdapterExport Shown(StateAdapter adapter, Manifest manifest)
    {
        TensorSet[] tensors = [.. HashesOf(manifest).Select(h => FileTensorStore.Load(paths.Stored(h, FileTensorStore.Extension)))];
        return adapter.Of(
            new GlobalState(manifest.Round, tensors[0], new Dictionary<string, TensorSet>(), 0) { BaseCorrection = tensors.ElementAtOrDefault(1) });
    }

    // What adapter/ depends on: the adapter, and the base correction where there is one.
    private static string[] HashesOf(Manifest manifest) => manifest.BaseCorrection is { } correction ? [manifest.Adapter, correction] : [manifest.Adapter];

    // Counted from the data, which is not here, and written anew by each run where it is not the same, or asked of the silos again.
    private void CheckClients()
    {
        Check(paths.Clients, ClientsFile.IsWhole);
        Check(paths.Pinned, bytes => CheckedLine.TryDecodeFile(bytes.Span, out _));

        void Check(string path, Func<ReadOnlyMemory<byte>, bool> isWhole)
        {
            if (files.ReadWhole(path) is { } bytes)
            {
                if (isWhole(bytes))
                {
                    findings.Whole(bytes.Length);
                }
                else
                {
                    findings.Damage.Add($"{path}: is damaged; the next run writes it anew.");
                }
            }
        }
    }
}
