using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Samples;

/// <summary>Samples, and what was counted while they were made.</summary>
/// <param name="Samples">The usable samples in the order of their records.</param>
/// <param name="Tally">The counts.</param>
public sealed record SampleSet<TSample>(IReadOnlyList<TSample> Samples, SampleTally Tally)
    where TSample : class;

/// <summary>Makes <see cref="SampleSet{TSample}"/>s.</summary>
public static class SampleSet
{
    /// <summary>Reads and encodes held-out data.</summary>
    /// <param name="path">A file, a folder or a glob, as for <see cref="DataFiles.Find"/>.</param>
    /// <param name="reader">Reads the examples.</param>
    /// <param name="encoder">Encodes them.</param>
    /// <exception cref="InputFileException">Nothing is found, a file is defective, or no sample is usable.</exception>
    public static SampleSet<TSample> LoadHeldOut<TSample>(string path, ExampleReader reader, ISampleEncoder<TSample> encoder)
        where TSample : class
    {
        return EncodeHeldOut(path, DataFiles.Find(path).SelectMany(reader.Read), encoder);
    }

    /// <summary>Encodes held-out examples.</summary>
    /// <param name="origin">Where they come from, for messages.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="encoder">Encodes them.</param>
    /// <exception cref="InputFileException">A file is defective, or no sample is usable.</exception>
    public static SampleSet<TSample> EncodeHeldOut<TSample>(string origin, IEnumerable<Example> examples, ISampleEncoder<TSample> encoder)
        where TSample : class
    {
        SampleSet<TSample> set = Encode(examples, encoder);
        return set.Samples.Count > 0
            ? set
            : throw new InputFileException(
                origin,
                null,
                $"the held-out data has no usable sample: of its {set.Tally.Records} records, {set.Tally.DescribeExclusions()}",
                "Raise data.max_length or set data.overlong to trim-prompt");
    }

    /// <summary>Encodes every example and counts those that cannot be used and those that lost tokens.</summary>
    public static SampleSet<TSample> Encode<TSample>(IEnumerable<Example> examples, ISampleEncoder<TSample> encoder)
        where TSample : class
    {
        var samples = new List<TSample>();
        var excluded = new SortedDictionary<ExclusionReason, int>();
        var truncated = new SortedDictionary<Truncation, int>();
        var labels = new SortedDictionary<string, int>(StringComparer.Ordinal);
        int records = 0;
        long tokens = 0;
        long scored = 0;
        int longest = 0;
        CutTokens cut = default;
        foreach (Example example in examples)
        {
            records++;
            EncodedSample<TSample> encoded = encoder.Encode(example);
            if (encoded.Sample is null)
            {
                ExclusionReason reason = encoded.Exclusion!.Value;
                excluded[reason] = excluded.GetValueOrDefault(reason) + 1;
                continue;
            }

            samples.Add(encoded.Sample);
            SampleSize size = encoder.Measure(encoded.Sample);
            tokens += size.Tokens;
            scored += size.Scored;
            longest = Math.Max(longest, size.Longest);
            cut += encoded.Cut;
            foreach (Truncation part in (ReadOnlySpan<Truncation>)[Truncation.Prompt, Truncation.Answer])
            {
                if (encoded.Truncated.HasFlag(part))
                {
                    truncated[part] = truncated.GetValueOrDefault(part) + 1;
                }
            }

            if (example.Category is not null)
            {
                labels[example.Category] = labels.GetValueOrDefault(example.Category) + 1;
            }
        }

        return new SampleSet<TSample>(samples, new SampleTally(records, samples.Count, excluded, tokens, scored, longest, labels) { Truncated = truncated, Cut = cut });
    }
}
