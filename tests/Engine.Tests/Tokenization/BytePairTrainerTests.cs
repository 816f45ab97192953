using System.Text.RegularExpressions;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.Training;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class BytePairTrainerTests
{
    private static readonly string[] Corpus =
    [
        "The cat sat on the mat. The cat's hat sat on that mat.",
        "In 2023 the cat had 17 hats; in 2024 it had 21.",
        "Der Hut, der Hut! Wo ist der grüne Hut? 日本語の帽子 👒",
    ];

    // Letters a, b, c, d are bytes 0x61 to 0x64: with '!' (0x21) the first, their ids are 64 to 67.
    [Fact]
    public void Train_OneWord_MergesAsDerivedByHand()
    {
        BytePairVocabulary vocabulary = BytePairTrainer.Train(["aaabdaaabac"], new BytePairTrainerOptions { VocabularySize = 300 });

        // a a a b d a a a b a c: aa 4 times. Then aa|a, a|b twice each: a|b has the lower left id. Then aa|ab twice. Then every pair once.
        Assert.Equal([(64, 64), (64, 65), (256, 257)], vocabulary.Merges);
        Assert.Equal(["aa", "ab", "aaab"], vocabulary.Tokens.Skip(256));
    }

    [Fact]
    public void Train_SameTextInAnotherOrder_SameVocabulary()
    {
        BytePairTrainerOptions options = new() { VocabularySize = 310, SpecialTokens = ["<s>"], MinimumCount = 1 };
        BytePairVocabulary forward = BytePairTrainer.Train(Corpus, options);
        BytePairVocabulary backward = BytePairTrainer.Train(Corpus.Reverse(), options);
        Assert.Equal(310, forward.Tokens.Count);
        Assert.Equal(forward.Tokens, backward.Tokens);
        Assert.Equal(forward.Merges, backward.Merges);
    }

    // Counts all pairs afresh before every merge.
    [Fact]
    public void Train_Corpus_EqualsRecountingBeforeEveryMerge()
    {
        string[] corpus = [Corpus[0], Corpus[2], Corpus[0].ToUpperInvariant()];
        BytePairVocabulary vocabulary = BytePairTrainer.Train(corpus, new BytePairTrainerOptions { VocabularySize = 300, MinimumCount = 1 });
        ITokenizer bytes = Saved(BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 256 }));
        List<List<int>> words = [];
        foreach (string word in corpus.SelectMany(text => Regex.Matches(text, @"'s| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+").Select(match => match.Value)))
        {
            words.Add([.. bytes.Encode(word).Select(token => token.Id)]);
        }

        int next = 256;
        foreach ((int left, int right) in vocabulary.Merges)
        {
            (int, int) best = words.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair)
                .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).First().Key;
            Assert.Equal(best, (left, right));
            foreach (List<int> word in words)
            {
                for (int i = 0; i + 1 < word.Count; i++)
                {
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] = next;
                        word.RemoveAt(i + 1);
                    }
                }
            }

            next++;
        }

        Assert.Equal(44, vocabulary.Merges.Count);
    }

    [Theory]
    [InlineData(SpecialTokenPlacement.First)]
    [InlineData(SpecialTokenPlacement.Last)]
    public void Save_ThenLoad_RoundTripsHardText(SpecialTokenPlacement placement)
    {
        BytePairVocabulary vocabulary = BytePairTrainer.Train(Corpus, new BytePairTrainerOptions
        {
            VocabularySize = 320,
            SpecialTokens = ["<s>", "</s>"],
            Placement = placement,
            BeginOfSequence = "<s>",
            EndOfSequence = "</s>",
            AddsBeginOfSequence = true,
            MinimumCount = 1,
        });
        ITokenizer tokenizer = Saved(vocabulary);
        int first = placement == SpecialTokenPlacement.First ? 0 : 318;
        Assert.Equal(320, tokenizer.VocabularySize);
        Assert.Equal(first, tokenizer.BeginOfSequenceId);
        Assert.Equal(first + 1, tokenizer.EndOfSequenceId);
        Assert.True(tokenizer.AddsBeginOfSequence);
        Assert.False(tokenizer.AddsEndOfSequence);
        foreach (string text in TextSamples.Hard.Concat(Corpus))
        {
            IReadOnlyList<Token> tokens = tokenizer.Encode(text);
            OffsetChecks.CoversInOrder(text, tokens);
            Assert.Equal(text, tokenizer.Decode([.. tokens.Select(token => token.Id)]));
        }

        Assert.Equal([first + 1], tokenizer.Encode("</s>").Select(token => token.Id));
        Assert.True(tokenizer.Encode(Corpus[0]).Count < Corpus[0].Length / 2);
    }

    [Fact]
    public void Encode_Digits_EachIsAToken()
    {
        ITokenizer tokenizer = Saved(BytePairTrainer.Train(["2023 2023 2023"], new BytePairTrainerOptions { VocabularySize = 300 }));
        Assert.Equal(4, tokenizer.Encode("2023").Count);
    }

    [Fact]
    public void Save_Twice_WritesTheSameBytes()
    {
        BytePairTrainerOptions options = new() { VocabularySize = 300, SpecialTokens = ["<|end|>"], EndOfSequence = "<|end|>" };
        using TokenizerFolder folder = new();
        BytePairTrainer.Train(Corpus, options).Save(folder.Path);
        byte[] json = File.ReadAllBytes(folder.File("tokenizer.json"));
        byte[] config = File.ReadAllBytes(folder.File("tokenizer_config.json"));
        BytePairTrainer.Train(Corpus, options).Save(folder.Path);
        Assert.Equal(json, File.ReadAllBytes(folder.File("tokenizer.json")));
        Assert.Equal(config, File.ReadAllBytes(folder.File("tokenizer_config.json")));
        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);
    }

    [Fact]
    public void Train_SpecialTokenInText_IsNeverLearned()
    {
        BytePairVocabulary vocabulary = BytePairTrainer.Train(
            ["abab abab abab"], new BytePairTrainerOptions { VocabularySize = 300, SpecialTokens = ["ab"] });
        Assert.Single(vocabulary.Tokens, "ab");
    }

    [Fact]
    public void Save_DirectoryIsAFile_IsATypedError()
    {
        using TokenizerFolder folder = new TokenizerFolder().With("taken", string.Empty);
        BytePairVocabulary vocabulary = BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 256 });
        Assert.Throws<InputFileException>(() => vocabulary.Save(folder.File("taken")));
    }

    [Fact]
    public void Train_ContradictoryOptions_Throws()
    {
        Assert.ThrowsAny<ArgumentException>(() => BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 255 }));
        Assert.ThrowsAny<ArgumentException>(() => BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 300, EndOfSequence = "x" }));
        Assert.ThrowsAny<ArgumentException>(
            () => BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 300, SpecialTokens = ["<s>", "<s>"] }));
    }

    private static ITokenizer Saved(BytePairVocabulary vocabulary)
    {
        using TokenizerFolder folder = new();
        vocabulary.Save(folder.Path);
        return folder.Load();
    }
}
