using System.Text.Json.Serialization;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Experiments.Pinning;

/// <summary>A pinned shard as it is written in the run directory.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Silo">The silo's name.</param>
/// <param name="Digest">SHA-256 of its bytes.</param>
/// <param name="Records">Records read.</param>
/// <param name="Usable">Records that became a sample.</param>
/// <param name="Tokens">Tokens of the samples.</param>
/// <param name="Scored">Those that the loss counts.</param>
/// <param name="Longest">Tokens of the longest sample.</param>
/// <param name="Excluded">Records that did not, by reason.</param>
/// <param name="Truncated">Samples that lost tokens, by part.</param>
/// <param name="CutPrompt">Tokens that prompts lost.</param>
/// <param name="CutAnswer">Tokens that answers lost.</param>
/// <param name="Labels">Samples by label, where the experiment and the silo say that these may be shown; empty elsewhere.</param>
internal sealed record PinnedEntry(
    string File, string Silo, string Digest, int Records, int Usable, long Tokens, long Scored, int Longest,
    IReadOnlyDictionary<ExclusionReason, int> Excluded, IReadOnlyDictionary<Truncation, int> Truncated, long CutPrompt, long CutAnswer,
    IReadOnlyDictionary<string, int> Labels)
{
    /// <summary>Describes a shard.</summary>
    public static PinnedEntry Of(PinnedShard shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        SampleTally tally = shard.Tally;
        return new(
            shard.File, shard.Silo, shard.Digest, tally.Records, tally.Usable, tally.Tokens, tally.ScoredTokens, tally.Longest,
            new SortedDictionary<ExclusionReason, int>(tally.Excluded.ToDictionary()), new SortedDictionary<Truncation, int>(tally.Truncated.ToDictionary()),
            tally.Cut.Prompt, tally.Cut.Answer, new SortedDictionary<string, int>(tally.Labels.ToDictionary(), StringComparer.Ordinal));
    }

    /// <summary>Returns the shard.</summary>
    public PinnedShard ToShard() => new(File, Silo, Digest, new SampleTally(Records, Usable, Excluded, Tokens, Scored, Longest, Labels)
    {
        Truncated = Truncated,
        Cut = new CutTokens(CutPrompt, CutAnswer),
    });
}

/// <summary>Reads and writes them as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PinnedEntry[]))]
internal sealed partial class PinnedJson : JsonSerializerContext;
