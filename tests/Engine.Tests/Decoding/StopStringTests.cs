using System.Text;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Decoding;

/// <summary>Stop strings on a vocabulary whose tokens are pieces of several letters, single letters, and bytes.</summary>
public sealed class StopStringTests
{
    // Every id has its text; 2 is end-of-sequence, 3 and 4 are the two bytes of é.
    private static readonly string[] Pieces = [.. Enumerable.Range(0, 37).Select(i => i switch { 2 => string.Empty, < 15 => $"{(char)('a' + i)}", _ => $"{(char)('a' + (i % 10))}{(char)('a' + (i % 7))}." })];
    private static readonly ModelConfig Config = TinyModel.Config() with { EndOfSequenceIds = [] };
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);

    [Fact]
    public void Generate_RandomStops_EndAtTheFirstTokenThatCompletesOneAndCutBeforeTheEarliest()
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        var random = new CounterRandom(31, RandomPurpose.DataGeneration);
        ulong position = 0;
        int stopped = 0;
        int inside = 0;
        int spanning = 0;
        for (int trial = 0; trial < 150; trial++)
        {
            var settings = new GenerationSettings(25, 1.5, (ulong)trial);
            TextContinuation free = TextContinuation.Generate(model, new PieceTokenizer(), "abf", settings);
            if (free.Text.Length == 0)
            {
                continue;
            }

            int length = 1 + (int)random.Below(5, ref position);
            int from = (int)random.Below((uint)Math.Max(1, free.Text.Length - length), ref position);
            string[] stops = [free.Text.Substring(from, Math.Min(length, free.Text.Length - from)), "zz", "ab."];
            TextContinuation result = Assert.Single(TextContinuation.Generate(model, new PieceTokenizer(), ["abf"], settings, stops));

            // Decode ever longer beginnings of the free continuation until one holds a stop string.
            int tokens = 0;
            string text;
            do
            {
                text = PieceTokenizer.Text(free.Ids.Take(++tokens));
            }
            while (!stops.Any(s => text.Contains(s, StringComparison.Ordinal)) && tokens < free.Ids.Count);
            int[] starts = [.. stops.Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0)];
            Assert.Equal(free.Ids.Take(tokens), result.Ids);
            Assert.Equal(starts.Length > 0 ? text[..starts.Min()] : text, result.Text);
            bool ended = free.Ids[tokens - 1] == 2;
            Assert.Equal(ended ? ContinuationEnd.EndOfSequence : starts.Length > 0 ? ContinuationEnd.StopString : ContinuationEnd.MaxNewTokens, result.End);
            stopped += result.End == ContinuationEnd.StopString ? 1 : 0;
            string last = Pieces[result.Ids[^1]];
            string stop = stops.First(s => text.Contains(s, StringComparison.Ordinal));
            inside += last.Length > stop.Length ? 1 : 0;
            spanning += stop.Length > last.Length ? 1 : 0;
        }

        // All kinds were met: a stop string inside a longer token, and one made of several tokens.
        Assert.True(stopped > 100 && inside > 5 && spanning > 20, $"{stopped} {inside} {spanning}");
    }

    [Fact]
    public void Generate_StopStringInThePrompt_DoesNotCount()
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        var settings = new GenerationSettings(3, 0);
        TextContinuation free = TextContinuation.Generate(model, new PieceTokenizer(), "abf", settings);
        string outside = "abf" + free.Text[..1]; // begins in the prompt
        Assert.Equal(free.Ids, TextContinuation.Generate(model, new PieceTokenizer(), ["abf"], settings, [outside, "bf"])[0].Ids);
    }

    [Fact]
    public void Generate_EmptyStopString_IsRefused()
    {
        using var workers = new Workers(1);
        Assert.Throws<ArgumentException>(() => TextContinuation.Generate(new LanguageModel(Weights, null, workers), new PieceTokenizer(), ["a"], new GenerationSettings(1), [""]));
    }

    [Fact]
    public void Generate_AnyEndOfSequence_Ends()
    {
        using var workers = new Workers(1);
        TextContinuation free = TextContinuation.Generate(new LanguageModel(Weights, null, workers), new PieceTokenizer(), "abf", new GenerationSettings(20, 1.5, 3));
        int end = free.Ids[5];
        DecoderWeights weights = TinyModel.Random(Config with { EndOfSequenceIds = [36, end] });
        TextContinuation ended = TextContinuation.Generate(new LanguageModel(weights, null, workers), new PieceTokenizer(), "abf", new GenerationSettings(20, 1.5, 3));
        Assert.Equal(free.Ids.Take(free.Ids.ToList().FindIndex(id => id == end || id == 36) + 1), ended.Ids);
        Assert.Equal(ContinuationEnd.EndOfSequence, ended.End);
    }

    /// <summary>Joins pieces; encodes letter by letter.</summary>
    private sealed class PieceTokenizer : ITokenizer
    {
        public int VocabularySize => Pieces.Length;

        public int? BeginOfSequenceId => null;

        public int? EndOfSequenceId => 2;

        public bool AddsBeginOfSequence => false;

        public bool AddsEndOfSequence => false;

        public IReadOnlyList<Token> Encode(string text) => [.. text.Select((c, i) => new Token(Array.IndexOf(Pieces, $"{c}"), i, i + 1))];

        public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false) => Text(ids);

        public static string Text(IEnumerable<int> ids)
        {
            // 3 and 4 are the bytes of é: alone they are no text.
            var bytes = new List<byte>();
            foreach (int id in ids)
            {
                bytes.AddRange(id switch { 3 => [0xC3], 4 => [0xA9], _ => Encoding.UTF8.GetBytes(Pieces[id]) });
            }

            return Encoding.UTF8.GetString([.. bytes]);
        }
    }
}
