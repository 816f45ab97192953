using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Engine.Files;
using FedLLM.Engine.Training;

namespace FedLLM.Data.Samples;

/// <summary>Samples, and what was counted while they were made.</summary>
/// <param name="Samples">The usable samples in the order of their records.</param>
/// <param name="Tally">The counts.</param>
public sealed record SampleSet(IReadOnlyList<TokenSequence> Samples, SampleTally Tally)
{
    /// <summary>Reads and encodes held-out data.</summary>
    /// <param name="path">A file, a folder or a glob, as for <see cref="DataFiles.Find"/>.</param>
    /// <param name="reader">Reads the examples.</param>
    /// <param name="encoder">Encodes them.</param>
    /// <exception cref="InputFileException">Nothing is found, a file is defective, or no sample is usable.</exception>
    public static SampleSet LoadHeldOut(string path, ExampleReader reader, SampleEncoder encoder)
    {
        SampleSet set = Encode(DataFiles.Find(path).SelectMany(reader.Read), encoder);
        return set.Samples.Count > 0
            ? set
            : throw new InputFileException(
                path,
                null,
                $"the held-out data has no usable sample: of its {set.Tally.Records} records, {set.Tally.DescribeExclusions()}",
                "Raise data.max_length or set data.overlong to trim-prompt");
    }

    /// <summary>Encodes every example and counts those that cannot be used.</summary>
    public static SampleSet Encode(IEnumerable<Example> examples, SampleEncoder encoder)
    {
        var samples = new List<TokenSequence>();
        var excluded = new SortedDictionary<ExclusionReason, int>();
        var labels = new SortedDictionary<string, int>(StringComparer.Ordinal);
        int records = 0;
        long tokens = 0;
        long scored = 0;
        int longest = 0;
        foreach (Example example in examples)
        {
            records++;
            EncodedSample sample = encoder.Encode(example);
            if (sample.Sequence is null)
            {
                ExclusionReason reason = sample.Exclusion!.Value;
                excluded[reason] = excluded.GetValueOrDefault(reason) + 1;
                continue;
            }

            samples.Add(sample.Sequence);
            tokens += sample.Sequence.Tokens.Length;
            scored += sample.Sequence.Scored.AsSpan().Count(true);
            longest = Math.Max(longest, sample.Sequence.Tokens.Length);
            if (example.Category is not null)
            {
                labels[example.Category] = labels.GetValueOrDefault(example.Category) + 1;
            }
        }

        return new SampleSet(samples, new SampleTally(records, samples.Count, excluded, tokens, scored, longest, labels));
    }
}
