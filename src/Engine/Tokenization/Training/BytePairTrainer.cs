using System.Runtime.InteropServices;
using FedLLM.Engine.Tokenization.HuggingFace;

namespace FedLLM.Engine.Tokenization.Training;

/// <summary>
/// Learns a byte-level BPE vocabulary (Sennrich et al. 2016, algorithm 1; Radford et al. 2019 for the bytes): starting from the 256 bytes, again and
/// again the pair of neighbours seen most often becomes a token; of equally frequent pairs the one with the lowest left id, then right id. Text is cut by
/// GPT-2's pattern with every digit by itself. The result depends on how often each word occurs and on nothing else.
/// </summary>
public static class BytePairTrainer
{
    /// <summary>Learns a vocabulary.</summary>
    /// <param name="texts">The texts; read once.</param>
    /// <param name="options">What to learn.</param>
    /// <returns>A vocabulary of at most the wanted size; of fewer tokens where no pair is frequent enough.</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static BytePairVocabulary Train(IEnumerable<string> texts, BytePairTrainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Learner learner = new(options);
        learner.CountPairs(CountWords(texts));
        learner.Learn();
        return learner.ToVocabulary();
    }

    private static Dictionary<string, long> CountWords(IEnumerable<string> texts)
    {
        Dictionary<string, long> counts = new(StringComparer.Ordinal);
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        IPreTokenizer preTokenizer = BytePairVocabulary.PreTokenizer;
        foreach (string text in texts)
        {
            if (text.Length == 0)
            {
                continue;
            }

            MappedText source = MappedText.FromText(text);
            Words words = preTokenizer.Apply(new Words(source, [(0, source.Length)]));
            foreach ((int start, int end) in words.Ranges)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, words.Text.Chars[start..end], out _)++;
            }
        }

        return counts;
    }

    private sealed class Learner
    {
        private readonly BytePairTrainerOptions _options;
        private readonly int _firstId;
        private readonly int _maximumTokens;
        private readonly HashSet<string> _reserved;

        // Learned tokens in the order of their ids, from _firstId on.
        private readonly List<string> _tokens = [];
        private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
        private readonly List<(int Left, int Right)> _merges = [];

        // The distinct words as token ids, how often each occurs, how often each pair does and in which words (some perhaps no longer).
        private readonly List<int[]> _words = [];
        private readonly List<long> _wordCounts = [];
        private readonly Dictionary<ulong, long> _pairCounts = [];
        private readonly Dictionary<ulong, HashSet<int>> _pairWords = [];
        private readonly PriorityQueue<ulong, (long NegativeCount, ulong Pair)> _queue = new();

        public Learner(BytePairTrainerOptions options)
        {
            _options = options;
            _firstId = options.Placement == SpecialTokenPlacement.First ? options.SpecialTokens.Count : 0;
            _maximumTokens = options.VocabularySize - options.SpecialTokens.Count;
            _reserved = new HashSet<string>(options.SpecialTokens, StringComparer.Ordinal);

            // GPT-2's order of the bytes: by the character that stands for them.
            foreach (char c in Enumerable.Range(0, 256).Select(value => ByteAlphabet.ToCharacter((byte)value)).Order())
            {
                AddToken(c.ToString());
            }
        }

        public void CountPairs(Dictionary<string, long> words)
        {
            foreach ((string text, long count) in words)
            {
                int index = _words.Count;
                _words.Add([.. text.Select(c => _ids[c.ToString()])]);
                _wordCounts.Add(count);
                AddPairs(index, count);
            }

            foreach ((ulong pair, long count) in _pairCounts)
            {
                _queue.Enqueue(pair, (-count, pair));
            }
        }

        public void Learn()
        {
            while (_tokens.Count < _maximumTokens && _queue.TryDequeue(out ulong pair, out (long NegativeCount, ulong Pair) priority))
            {
                long count = _pairCounts.GetValueOrDefault(pair);
                if (count != -priority.NegativeCount)
                {
                    // The count changed since; each change of a count enqueued the pair anew.
                    continue;
                }

                if (count < _options.MinimumCount)
                {
                    break;
                }

                int left = (int)(pair >> 32);
                int right = (int)(uint)pair;
                string joined = _tokens[left - _firstId] + _tokens[right - _firstId];
                if (!_reserved.Contains(joined))
                {
                    _merges.Add((left, right));
                    Replace(pair, left, right, _ids.TryGetValue(joined, out int known) ? known : AddToken(joined));
                }
            }
        }

        public BytePairVocabulary ToVocabulary() => new(_tokens, _merges, _options);

        private int AddToken(string token)
        {
            int id = _firstId + _tokens.Count;
            _ids.Add(token, id);
            _tokens.Add(token);
            return id;
        }

        private void Replace(ulong pair, int left, int right, int id)
        {
            HashSet<ulong> changed = [];
            foreach (int index in _pairWords[pair])
            {
                int[] before = _words[index];
                int[] after = Merged(before, left, right, id);
                if (after.Length < before.Length)
                {
                    changed.UnionWith(Pairs(before));
                    AddPairs(index, -_wordCounts[index]);
                    _words[index] = after;
                    AddPairs(index, _wordCounts[index]);
                    changed.UnionWith(Pairs(after));
                }
            }

            _pairWords.Remove(pair);
            foreach (ulong key in changed)
            {
                long count = _pairCounts[key];
                if (count > 0)
                {
                    _queue.Enqueue(key, (-count, key));
                }
                else
                {
                    _pairCounts.Remove(key);
                    _pairWords.Remove(key);
                }
            }
        }

        private static int[] Merged(int[] word, int left, int right, int id)
        {
            List<int> merged = new(word.Length);
            for (int i = 0; i < word.Length; i++)
            {
                if (i + 1 < word.Length && word[i] == left && word[i + 1] == right)
                {
                    merged.Add(id);
                    i++;
                }
                else
                {
                    merged.Add(word[i]);
                }
            }

            return [.. merged];
        }

        private void AddPairs(int index, long count)
        {
            foreach (ulong pair in Pairs(_words[index]))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_pairCounts, pair, out _) += count;
                if (count > 0)
                {
                    ref HashSet<int>? words = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairWords, pair, out _);
                    words ??= [];
                    words.Add(index);
                }
            }
        }

        private static IEnumerable<ulong> Pairs(int[] word)
        {
            for (int i = 0; i + 1 < word.Length; i++)
            {
                yield return BytePairModel.PairKey(word[i], word[i + 1]);
            }
        }
    }
}
