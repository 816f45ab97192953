using System.Globalization;
using System.Text;
using FedLLM.Experiments.Configuration;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class ResolvedYamlTests
{
    private static readonly ExperimentInputs Inputs = new("m", "d", "n");

    [Fact]
    public void Write_Defaults_ListsEveryKeyOnceInOrder()
    {
        string yaml = ResolvedYaml.Write(Parse());

        Assert.StartsWith("name: \"test\"\npreset: none\nseed: 2023\ntask: sft\nmodel:\n  path: \"/exp/base\"\n", yaml, StringComparison.Ordinal);
        Assert.Contains("  partition:\n    scheme: iid\n    clients: 2\n", yaml, StringComparison.Ordinal);
        Assert.Contains("  learning_rate: 2.0e-05\n", yaml, StringComparison.Ordinal);
        Assert.Equal(Schema.Keys.Count + Schema.Sections.Count, yaml.Split('\n').Length - 1);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameExperiment()
    {
        string[] overrides =
        [
            "name=a.b-c", "seed=9223372036854775807", "lora.alpha=0.1", "lora.dropout=1e-17", "lora.targets=down_proj,k_proj", "data.path=/ä/\"q\" 中\u0301 {x}: #*.json",
            "data.pattern=none*.gz", "data.partition.scheme=files", "federation.quorum=0.3333333333333333", "training.threads=3", "checkpoint.keep_updates=true",
            "training.max_grad_norm=none", "evaluation.data=C:\\dir\\😀\u00a0.json", "training.learning_rate=123456789.125", "training.min_learning_rate=0",
        ];
        Experiment first = Parse(overrides);
        string yaml = ResolvedYaml.Write(first);

        Experiment second = ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml), "other.yaml", "/elsewhere");

        Assert.Equal(first, second);
        Assert.Equal(first.GetHashCode(), second.GetHashCode());
        Assert.Equal(yaml, ResolvedYaml.Write(second));
    }

    [Fact]
    public void Write_AnyNumbersAndPaths_ReadBackEqual() => Prop.ForAll<NormalFloat, NonEmptyString, PositiveInt>((number, text, integer) =>
    {
        string alpha = Math.Abs(number.Get).ToString("R", CultureInfo.InvariantCulture);
        try
        {
            Experiment first = Parse("lora.alpha=" + alpha, "data.path=" + text.Get, "federation.rounds=" + integer.Get.ToString(CultureInfo.InvariantCulture));
            return first == ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(first)), "test.yaml", "/");
        }
        catch (ExperimentFileException e)
        {
            // Zero, and text of control characters only, are rightly refused.
            return e.Errors.All(error => error.File == "--set");
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Hash_TargetsInAnotherOrder_StaysTheSame() =>
        Assert.Equal(ExperimentIdentity.Hash(Parse(), Inputs), ExperimentIdentity.Hash(Parse("lora.targets=v_proj,q_proj"), Inputs));

    [Fact]
    public void Hash_OtherInputs_IsAnotherExperimentAndNamesThem()
    {
        var other = new ExperimentInputs("m2", "d2", "n2");

        Assert.NotEqual(ExperimentIdentity.Hash(Parse(), Inputs), ExperimentIdentity.Hash(Parse(), other));
        Assert.Equal(["model (content)", "data (content)", "numerics version"], ExperimentIdentity.Differences(Parse(), Inputs, Parse(), other));
    }

    [Fact]
    public void Hash_MoreRoundsUnderAConstantRate_IsTheSameRunCarriedFurther()
    {
        Experiment few = Parse("training.schedule=constant", "federation.rounds=5");
        Experiment more = Parse("training.schedule=constant", "federation.rounds=9");

        Assert.Equal(ExperimentIdentity.Hash(few, Inputs), ExperimentIdentity.Hash(more, Inputs));
        Assert.Equal(["federation.rounds"], ExperimentIdentity.HarmlessDifferences(few, more));
    }

    private static Experiment Parse(params string[] overrides) =>
        ExperimentFile.Parse("model: {path: base}\ndata: {path: train.jsonl}"u8, "test.yaml", "/exp", overrides, "/exp");
}
