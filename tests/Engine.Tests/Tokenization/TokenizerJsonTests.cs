using System.Text.Json.Nodes;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class TokenizerJsonTests
{
    [Theory]
    [InlineData("""["a b", "ab c", "Ġ a"]""")]
    [InlineData("""[["a", "b"], ["ab", "c"], ["Ġ", "a"]]""")]
    public void Encode_MergesInEitherSpelling_BestRankFirst(string merges)
    {
        // " abc": a|b has rank 0, then ab|c; the space stays alone although Ġ|a is a merge.
        ITokenizer tokenizer = JsonFiles.ByteLevel().WithModel("merges", merges).Load();
        Assert.Equal([new Token(' ', 0, 1), new Token(257, 1, 4)], tokenizer.Encode(" abc"));
        Assert.Equal([258], tokenizer.Encode(" a").Select(token => token.Id));
        Assert.Equal(" abc", tokenizer.Decode([' ', 257]));
    }

    [Fact]
    public void Encode_IgnoreMerges_TakesWholeWords()
    {
        JsonObject json = JsonFiles.ByteLevel().WithModel("merges", "[]");
        Assert.Equal(['a', 'b', 'c'], json.Load().Encode("abc").Select(token => token.Id));
        Assert.Equal([257], json.WithModel("ignore_merges", "true").Load().Encode("abc").Select(token => token.Id));
    }

    [Fact]
    public void Encode_AddedTokens_LongestAtTheLeftmostPlace()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().Adding(259, "<x>").Adding(260, "<x>y").Adding(261, "xy").Load();
        Assert.Equal([260, 261, 259, '<'], tokenizer.Encode("<x>yxy<x><").Select(token => token.Id));
        Assert.Equal("<x>y<", tokenizer.Decode([260, '<']));
    }

    [Fact]
    public void Encode_AddedTokenThatStrips_TakesWhitespaceAlong()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel()
            .Adding(259, "<l>", """{"lstrip":true}""").Adding(260, "<r>", """{"rstrip":true}""").Load();
        Assert.Equal([new Token('a', 0, 1), new Token(259, 1, 6), new Token(' ', 6, 7), new Token('b', 7, 8)], tokenizer.Encode("a  <l> b"));
        Assert.Equal([new Token('a', 0, 1), new Token(' ', 1, 2), new Token(260, 2, 7), new Token('b', 7, 8)], tokenizer.Encode("a <r>  b"));

        // The whitespace between goes to the one that comes first.
        Assert.Equal([new Token(260, 0, 5), new Token(259, 5, 8)], tokenizer.Encode("<r>  <l>"));
    }

    [Fact]
    public void Encode_SingleWordToken_IsNotFoundInsideAWord()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().Adding(259, "cat", """{"single_word":true}""").Load();
        Assert.Equal([259], tokenizer.Encode("cat").Select(token => token.Id));
        Assert.Equal(['(', 259, ')'], tokenizer.Encode("(cat)").Select(token => token.Id));
        foreach (string text in (string[])["cats", "xcat", "_cat", "cat1", "catש", "𝒜cat"])
        {
            Assert.DoesNotContain(tokenizer.Encode(text), token => token.Id == 259);
        }
    }

    [Fact]
    public void Decode_SpecialToken_IsLeftOutUnlessKept()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().Adding(259, "<é>", """{"special":true}""").Load();
        int[] ids = [.. tokenizer.Encode("a<é>b").Select(token => token.Id)];
        Assert.Equal(['a', 259, 'b'], ids);
        Assert.Equal("ab", tokenizer.Decode(ids));
        Assert.Equal("a<é>b", tokenizer.Decode(ids, keepSpecial: true));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([260]));
    }

    [Fact]
    public void Encode_AddPrefixSpace_BelongsToNoCharacter()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().With("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":true}""").Load();
        Assert.Equal([new Token(258, 0, 1)], tokenizer.Encode("a"));
        Assert.Equal([new Token(' ', 0, 0), new Token(256, 0, 2)], tokenizer.Encode("ab"));
        Assert.Equal(tokenizer.Encode("a").Select(token => token.Id), tokenizer.Encode(" a").Select(token => token.Id));
    }

    [Fact]
    public void Encode_NormalizerFormC_OffsetsAreOfTheOriginal()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().With("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"}]}""")
            .Adding(259, "<é>", """{"normalized":true}""").Load();
        Assert.Equal([new Token('x', 0, 1), new Token(0xC3, 1, 3), new Token(0xA9, 1, 3)], tokenizer.Encode("xe\u0301"));
        Assert.Equal([new Token(259, 0, 4)], tokenizer.Encode("<e\u0301>"));
    }

    [Fact]
    public void Encode_NoAddedTokenNormalization_MatchesRawText()
    {
        ITokenizer tokenizer = JsonFiles.ByteLevel().With("normalizer", """{"type":"NFC"}""").Adding(259, "<é>", """{"normalized":false}""").Load();
        Assert.DoesNotContain(tokenizer.Encode("<e\u0301>"), token => token.Id == 259);
        Assert.Equal([259], tokenizer.Encode("<é>").Select(token => token.Id));
    }

    [Theory]
    [InlineData("""{"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false}}""", true, false)]
    [InlineData("""{"bos_token":"<s>","eos_token":"</s>","add_bos_token":false,"add_eos_token":true}""", false, true)]
    [InlineData("""{"bos_token":null,"eos_token":"</s>"}""", true, false)]
    public void Load_TemplateAndConfig_DecideWhatIsAdded(string config, bool addsBegin, bool addsEnd)
    {
        JsonObject json = JsonFiles.ByteLevel().Adding(259, "<s>", """{"special":true}""").Adding(260, "</s>", """{"special":true}""").With("post_processor", """
            {"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing",
            "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
            "special_tokens":{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]}}}]}
            """);
        ITokenizer tokenizer = json.Load(config);
        Assert.Equal(259, tokenizer.BeginOfSequenceId);
        Assert.Equal(260, tokenizer.EndOfSequenceId);
        Assert.Equal(addsBegin, tokenizer.AddsBeginOfSequence);
        Assert.Equal(addsEnd, tokenizer.AddsEndOfSequence);
        Assert.Equal(261, tokenizer.VocabularySize);
    }

    [Theory]
    [InlineData("normalizer", """{"type":"Lowercase"}""", "normalizer.type")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFKC"}]}""", "normalizer.normalizers[1].type")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":" +"},"content":" "}""", "normalizer.pattern.Regex")]
    [InlineData("pre_tokenizer", """{"type":"Whitespace"}""", "pre_tokenizer.type")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated"}""", "pre_tokenizer.pattern.Regex")]
    [InlineData("pre_tokenizer", """{"type":"ByteLevel","new_option":1}""", "pre_tokenizer.new_option")]
    [InlineData("decoder", """{"type":"WordPiece"}""", "decoder.type")]
    [InlineData("decoder", "null", "decoder")]
    [InlineData("post_processor", """{"type":"BertProcessing"}""", "post_processor.type")]
    [InlineData("version", "\"2.0\"", "version")]
    [InlineData("added_tokens", """[{"id":7,"content":"<x>"}]""", "added_tokens[0].id")]
    [InlineData("added_tokens", """[{"id":2000000000,"content":"<x>"}]""", "added_tokens[0].id")]
    [InlineData("added_tokens", """[{"id":259,"content":""}]""", "added_tokens[0]")]
    [InlineData("model", """{"type":"Unigram","vocab":[]}""", "model.type")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[]}""", "model.vocab")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}""", "model.vocab")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a a"]}""", "model.merges[0]")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}""", "model.merges[0]")]
    [InlineData("model", """{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}""", "model.dropout")]
    [InlineData("surprise", "1", "surprise")]
    public void Load_WhatIsNotUnderstood_IsRefusedByPath(string key, string json, string place)
    {
        InputFileException exception = Assert.Throws<InputFileException>(() => JsonFiles.ByteLevel().With(key, json).Load());
        Assert.Equal(place, exception.Place);
        Assert.EndsWith("tokenizer.json", exception.Path, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Theory]
    [InlineData("normalizer", "normalizers")]
    [InlineData("decoder", "decoders")]
    public void Load_ReplacementsThatExplode_AreRefused(string key, string steps)
    {
        // Each of 40 steps doubles the text.
        string doubling = """{"type":"Replace","pattern":{"String":"a"},"content":"aa"}""";
        string sequence = $$"""{"type":"Sequence","{{steps}}":[{{string.Join(',', Enumerable.Repeat(doubling, 40))}}]}""";
        InputFileException exception = Assert.Throws<InputFileException>(() => JsonFiles.ByteLevel().Adding(259, "aaa").With(key, sequence).Load());
        Assert.Equal(key, exception.Place);
    }

    [Fact]
    public void Load_DuplicateKey_IsRefused()
    {
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.json", """{"version":"1.0","version":"1.0"}""");
        Assert.Throws<InputFileException>(folder.Load);
    }

    [Theory]
    [InlineData("""{"eos_token":"<nowhere>"}""", "eos_token")]
    [InlineData("""{"add_bos_token":true}""", "add_bos_token")]
    [InlineData("""{"add_bos_token":"yes"}""", "add_bos_token")]
    [InlineData("""{"bos_token":{"text":"<s>"}}""", "bos_token.content")]
    public void Load_ConfigThatDoesNotFit_IsRefusedByKey(string config, string place)
    {
        InputFileException exception = Assert.Throws<InputFileException>(() => JsonFiles.ByteLevel().Load(config));
        Assert.Equal(place, exception.Place);
        Assert.EndsWith("tokenizer_config.json", exception.Path, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NothingThere_SaysWhatToDo()
    {
        using TokenizerFolder folder = new();
        Assert.Contains("save_pretrained", Assert.Throws<InputFileException>(folder.Load).Message, StringComparison.Ordinal);
        Assert.Throws<InputFileException>(() => TokenizerDirectory.Load(folder.File("missing.json")));
        Assert.Throws<InputFileException>(() => TokenizerDirectory.Load(folder.File("missing.model")));
    }

    [Fact]
    public void Load_File_IsTakenByItsName()
    {
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.json", JsonFiles.ByteLevel().ToJsonString())
            .With("tokenizer.model", new ModelBytes(isBytePair: true).Piece("a", 0).ToArray());
        Assert.Equal(259, TokenizerDirectory.Load(folder.Path).VocabularySize);
        Assert.Equal(259, TokenizerDirectory.Load(folder.File("tokenizer.json")).VocabularySize);
        Assert.Equal(4, TokenizerDirectory.Load(folder.File("tokenizer.model")).VocabularySize);
    }
}
