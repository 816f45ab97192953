using System.Text;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class PortableYamlTests
{
    private const string Yaml =
        """
        name: mixed
        task: dpo
        model: {path: models/tiny}
        data:
          sources: [{path: a.json}, {path: /outside/b.json}]
          partition: {scheme: files}
        dpo: {reference: adapters/start}
        federation: {rounds: 2}
        evaluation: {data: test.json}
        """;

    [Fact]
    public void Write_PathsBelowTheFolder_AreReadBelowAnother()
    {
        Experiment here = ExperimentFile.Parse(Encoding.UTF8.GetBytes(Yaml), "mixed.yaml", "/mine/work");
        string written = PortableYaml.Write(here, "/mine/");
        Assert.DoesNotContain("/mine", written, StringComparison.Ordinal);

        Experiment there = ExperimentFile.Parse(Encoding.UTF8.GetBytes(written), "sent", "/srv/data");
        Assert.Equal(ResolvedYaml.Write(here).Replace("/mine/", "/srv/data/", StringComparison.Ordinal), ResolvedYaml.Write(there));
        Assert.Equal(["/srv/data/work/a.json", "/outside/b.json"], there.Data.Sources!.Select(s => s.Path));
    }

    [Fact]
    public void Write_FolderWithTheSameBeginning_IsNotBelow()
    {
        Experiment here = ExperimentFile.Parse(Encoding.UTF8.GetBytes(Yaml), "mixed.yaml", "/mine-too");
        Assert.Contains("/mine-too/models/tiny", PortableYaml.Write(here, "/mine"), StringComparison.Ordinal);
    }
}
