using System.Text;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class OverrideTests
{
    private const string Minimal = "model: {path: base}\ndata: {path: train.jsonl}\nlora: {rank: 8}\n";

    [Fact]
    public void Parse_Overrides_ReplaceTheFilesValues()
    {
        Experiment e = Parse("lora.rank=4", "lora.targets=[q_proj, o_proj]", "training.threads=2", "training.max_grad_norm=none", "name=other");

        Assert.Equal((4, 2, "other"), (e.Lora.Rank, e.Training.Threads, e.Name));
        Assert.Equal([LinearKind.Query, LinearKind.Output], e.Lora.Targets.Names);
        Assert.Null(e.Training.MaxGradNorm);
    }

    [Fact]
    public void Parse_OverrideOfOneKeyTwice_TheLastCounts() => Assert.Equal(3, Parse("lora.rank=2", "lora.rank=3").Lora.Rank);

    [Fact]
    public void Parse_RelativePaths_StartAtFileAndAtWorkingDirectory()
    {
        Experiment e = Parse("data.path=shards/*.json", "evaluation.data=/abs/test.json");

        Assert.Equal("/exp/base", e.Model.Path);
        Assert.Equal("/cwd/shards/*.json", e.Data.Path);
        Assert.Equal("/abs/test.json", e.Evaluation.Data);
    }

    [Fact]
    public void Parse_OverridePathWithEqualsAndColon_IsTakenWhole() => Assert.Equal("/cwd/a=b: [c", Parse("data.path=a=b: [c").Data.Path);

    [Fact]
    public void Parse_AllLinear_NamesEveryLayer() => Assert.Equal(Enum.GetValues<LinearKind>(), Parse("lora.targets=all-linear").Lora.Targets.Names);

    [Theory]
    [InlineData("lora.rank=zero", "--set: lora.rank: must be an integer from 1 to 65536")]
    [InlineData("lora.rnk=3", "--set: lora.rnk: unknown key; the nearest known one is lora.rank")]
    [InlineData("lora=3", "--set: lora: is a section; set one of its keys, such as lora.rank")]
    [InlineData("lora.rank", "--set: needs key.path=value, such as --set lora.rank=16")]
    [InlineData("lora.targets=q_proj,x", "--set: lora.targets: must be a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj (or all-linear)")]
    [InlineData("data.path=", "--set: data.path: has no value; it must be a path, or none")]
    public void Parse_BadOverride_IsNamed(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<ExperimentFileException>(() => Parse(text)).Message);

    [Fact]
    public void Read_MissingFile_SaysSo()
    {
        var failure = Assert.Throws<ExperimentFileException>(() => ExperimentFile.Read("/no/such/file.yaml"));

        Assert.Equal("/no/such/file.yaml: does not exist; name an experiment file (YAML)", failure.Message);
    }

    [Fact]
    public void Read_Folder_SaysSo() =>
        Assert.Contains("is a folder", Assert.Throws<ExperimentFileException>(() => ExperimentFile.Read(Path.GetTempPath())).Message, StringComparison.Ordinal);

    private static Experiment Parse(params string[] overrides) =>
        ExperimentFile.Parse(Encoding.UTF8.GetBytes(Minimal), "test.yaml", "/exp", overrides, "/cwd");
}
