using FedLLM.Data.Samples;

namespace FedLLM.Data.Shards;

/// <summary>
/// The tallies of many parts: 40 bytes each, 8 for every label, reason of exclusion and truncated part that occurs in it, and some 40 more where tokens were cut;
/// names of labels are kept once. A few of the tallies are kept as they were returned, for clients that share a part ask for it again and again.
/// Not safe for concurrent use.
/// </summary>
/// <param name="parts">Number of parts.</param>
internal sealed class TallyTable(int parts)
{
    private readonly Row[] _rows = new Row[parts];
    private readonly (int Part, SampleTally? Tally)[] _returned = new (int, SampleTally?)[Math.Min(parts, 256)]; // a part's place is its number modulo their number
    private readonly List<(int Key, int Count)> _counts = [];
    private readonly Dictionary<int, CutTokens> _cut = []; // of the parts that lost tokens
    private readonly List<string> _labels = [];
    private readonly Dictionary<string, int> _labelIds = new(StringComparer.Ordinal);

    /// <summary>Returns a part's tally, or null where it was not counted yet.</summary>
    public SampleTally? Find(int part)
    {
        if (!_rows[part].IsCounted)
        {
            return null;
        }

        ref (int Part, SampleTally? Tally) last = ref _returned[part % _returned.Length];
        if (last.Tally is null || last.Part != part)
        {
            last = (part, Read(part));
        }

        return last.Tally;
    }

    /// <summary>Returns a part's number of usable samples and their tokens, or null where it was not counted yet.</summary>
    public (int Usable, long Tokens)? Size(int part) => _rows[part] is { IsCounted: true } row ? (row.Usable, row.Tokens) : null;

    /// <summary>Keeps the tally of a part that was not counted yet.</summary>
    public void Set(int part, SampleTally tally)
    {
        _rows[part] = new Row
        {
            IsCounted = true,
            Records = tally.Records,
            Usable = tally.Usable,
            Longest = tally.Longest,
            Tokens = tally.Tokens,
            Scored = tally.ScoredTokens,
            First = _counts.Count,
            Labels = tally.Labels.Count,
            Excluded = (byte)tally.Excluded.Count,
            Truncated = (byte)tally.Truncated.Count,
        };
        foreach ((string label, int count) in tally.Labels)
        {
            if (!_labelIds.TryGetValue(label, out int id))
            {
                id = _labels.Count;
                _labelIds.Add(label, id);
                _labels.Add(label);
            }

            _counts.Add((id, count));
        }

        if (tally.Cut != default)
        {
            _cut.Add(part, tally.Cut);
        }

        _counts.AddRange(tally.Excluded.Select(e => ((int)e.Key, e.Value)));
        _counts.AddRange(tally.Truncated.Select(t => ((int)t.Key, t.Value)));
    }

    private SampleTally Read(int part)
    {
        Row row = _rows[part];
        int next = row.First;
        var labels = new SortedList<string, int>(row.Labels, StringComparer.Ordinal);
        for (int i = 0; i < row.Labels; i++, next++)
        {
            labels.Add(_labels[_counts[next].Key], _counts[next].Count);
        }

        var excluded = new SortedList<ExclusionReason, int>(row.Excluded);
        for (int i = 0; i < row.Excluded; i++, next++)
        {
            excluded.Add((ExclusionReason)_counts[next].Key, _counts[next].Count);
        }

        var truncated = new SortedList<Truncation, int>(row.Truncated);
        for (int i = 0; i < row.Truncated; i++, next++)
        {
            truncated.Add((Truncation)_counts[next].Key, _counts[next].Count);
        }

        return new SampleTally(row.Records, row.Usable, excluded, row.Tokens, row.Scored, row.Longest, labels) { Truncated = truncated, Cut = _cut.GetValueOrDefault(part) };
    }

    private struct Row
    {
        public int Records;
        public int Usable;
        public int Longest;
        public int First; // of its counts: labels, then exclusions, then truncations
        public long Tokens;
        public long Scored;
        public int Labels;
        public byte Excluded;
        public byte Truncated;
        public bool IsCounted;
    }
}
