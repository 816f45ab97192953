using System.Text.Json;
using FedLLM.Engine.Tokenization;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class SentencePieceVectorTests
{
    [SkippableFact]
    public void Encode_Stories260KVectors_AllIdsEqual()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("models", "stories260K", "tokenizer_vectors.json")));
        int count = 0;
        foreach (JsonElement vector in vectors.RootElement.EnumerateArray())
        {
            string text = vector.GetProperty("text").GetString()!;
            IReadOnlyList<Token> tokens = tokenizer.Encode(text);
            Assert.Equal(vector.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), tokens.Select(token => token.Id));
            Assert.Equal(text, tokenizer.Decode([.. tokens.Select(token => token.Id)]));
            OffsetChecks.CoversInOrder(text, tokens);
            count++;
        }

        Assert.True(count > 0);
    }

    [SkippableFact]
    public void Load_Stories260K_TakesConfigFromBesideIt()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));
        Assert.Equal(512, tokenizer.VocabularySize);
        Assert.Equal(1, tokenizer.BeginOfSequenceId);
        Assert.Equal(2, tokenizer.EndOfSequenceId);
        Assert.True(tokenizer.AddsBeginOfSequence);
        Assert.False(tokenizer.AddsEndOfSequence);
    }

    [SkippableFact]
    public void Encode_TextThatSpellsAControlPiece_IsCutLikeAnyOther()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));
        IReadOnlyList<Token> tokens = tokenizer.Encode("</s><s><unk><0x41>");
        Assert.DoesNotContain(tokens, token => token.Id is 0 or 1 or 2);
        Assert.DoesNotContain(tokens, token => token.Id == 3 + 0x41);
        Assert.Equal("</s><s><unk><0x41>", tokenizer.Decode([.. tokens.Select(token => token.Id)]));
    }

    [SkippableFact]
    public void Encode_CharacterInBytes_EveryByteCoversIt()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));

        // The vocabulary has neither of these: the dummy prefix, then four and three bytes; byte pieces are 3 + value.
        IReadOnlyList<Token> tokens = tokenizer.Encode("😀日");
        int[] bytes = [0xF0, 0x9F, 0x98, 0x80, 0xE6, 0x97, 0xA5];
        Assert.Equal(bytes.Select(value => value + 3), tokens.Skip(1).Select(token => token.Id));
        Assert.Equal(new Token(tokens[0].Id, 0, 0), tokens[0]);
        Assert.All(tokens.Skip(1).Take(4), token => Assert.Equal((0, 2), (token.Start, token.End)));
        Assert.All(tokens.Skip(5), token => Assert.Equal((2, 3), (token.Start, token.End)));
    }
}
