using FedLLM.Cli.Tests.Support;
using FedLLM.Engine.Files;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class PretrainCommandTests(SmallWorld world)
{
    [Fact]
    public async Task Twice_MakesTheSameModel()
    {
        using var folder = new TemporaryFolder();
        Answer answer = await Answer.Of("pretrain", world.PretrainConfig, "--out", folder["model"]);
        Assert.Equal(0, answer.Code);
        Assert.Contains("step 20/20  train ", answer.Error, StringComparison.Ordinal);
        Assert.Contains(folder["model"], answer.Out, StringComparison.Ordinal);
        Assert.Equal(ModelDirectory.ContentHash(world.Model), ModelDirectory.ContentHash(folder["model"]));
    }

    [Fact]
    public async Task Config_WithSeveralErrors_NamesThemAll()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("bad.yaml", "corpus: x.txt\nmodel: {hiden_size: 16}\ntraining: {steps: none}\n");
        Answer answer = await Answer.Of("pretrain", file, "--out", folder["model"]);
        Assert.Equal(2, answer.Code);
        Assert.Contains(answer.ErrorLines(), l => l.StartsWith($"error: {file}:2: ", StringComparison.Ordinal) && l.Contains("hidden_size", StringComparison.Ordinal));
        Assert.Contains(answer.ErrorLines(), l => l.StartsWith($"error: {file}:3: training.steps", StringComparison.Ordinal));
        Assert.False(Directory.Exists(folder["model"]));
    }

    [Fact]
    public async Task Corpus_Missing_LeavesNothing()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("config.yaml", File.ReadAllText(world.PretrainConfig)); // its corpus is not here
        (await Answer.Of("pretrain", file, "--out", folder["model"])).IsOneLine(1, folder["corpus.txt"]);
        Assert.False(Directory.Exists(folder["model"]));
    }
}
