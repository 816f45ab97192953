using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>Algorithms, whose formulas they follow, and their constants.</summary>
public sealed class AlgorithmOptionsTests
{
    // prox_mu, server_learning_rate, server_momentum, tau, beta1, beta2: OpenFedLLM's config.py, Hsu et al. and Reddi et al., Flower's strategies.
    [Theory]
    [InlineData("fedavg", "openfedllm", null, null, null, null, null, null)]
    [InlineData("fedprox", "flower", 0.01, null, null, null, null, null)]
    [InlineData("fedavgm", "openfedllm", null, null, 0.9, null, null, null)]
    [InlineData("fedavgm", "reddi", null, 1.0, 0.9, null, null, null)]
    [InlineData("fedavgm", "flower", null, 1.0, 0.0, null, null, null)]
    [InlineData("fedadagrad", "openfedllm", null, 1e-3, null, 1e-3, null, null)]
    [InlineData("fedadagrad", "reddi", null, 1e-3, null, 1e-3, 0.0, null)]
    [InlineData("fedadagrad", "flower", null, 0.1, null, 1e-3, 0.0, null)]
    [InlineData("fedyogi", "openfedllm", null, 1e-3, null, 1e-3, 0.9, 0.99)]
    [InlineData("fedyogi", "flower", null, 0.01, null, 1e-3, 0.9, 0.99)]
    [InlineData("fedadam", "reddi", null, 1e-3, null, 1e-3, 0.9, 0.99)]
    [InlineData("fedadam", "flower", null, 0.1, null, 1e-3, 0.9, 0.99)]
    public void Parse_AlgorithmAlone_HasTheConventionsConstants(
        string algorithm, string convention, double? mu, double? rate, double? momentum, double? tau, double? beta1, double? beta2)
    {
        FederationOptions options = Parse($"federation: {{algorithm: {algorithm}, convention: {convention}}}").Federation;
        Assert.Equal(
            (mu, rate, momentum, tau, beta1, beta2),
            (options.ProximalMu, options.ServerLearningRate, options.ServerMomentum, options.Tau, options.Beta1, options.Beta2));
    }

    [Fact]
    public void Parse_Constants_AreRead()
    {
        FederationOptions options = Parse("federation: {algorithm: fedadam, convention: reddi, server_learning_rate: 0.5, tau: 0.25, beta1: 0, beta2: 0.5}").Federation;
        Assert.Equal((Algorithm.FedAdam, Convention.Reddi, 0.5, 0.25, 0.0, 0.5), (
            options.Algorithm, options.Convention, options.ServerLearningRate, options.Tau, options.Beta1, options.Beta2));
    }

    [Theory]
    [InlineData("algorithm: fedprox, prox_mu: -0.1", "federation.prox_mu", "at least 0")]
    [InlineData("algorithm: fedprox, prox_mu: none", "federation.prox_mu", "is needed by the algorithm")]
    [InlineData("prox_mu: 0.1", "federation.prox_mu", "choose fedprox")]
    [InlineData("algorithm: fedavgm, server_learning_rate: 1", "federation.server_learning_rate", "convention reddi or flower")]
    [InlineData("algorithm: fedavgm, server_momentum: 1", "federation.server_momentum", "below 1")]
    [InlineData("algorithm: fedadagrad, beta1: 0.5", "federation.beta1", "fedadagrad with convention reddi or flower")]
    [InlineData("algorithm: fedadagrad, beta2: 0.5", "federation.beta2", "fedyogi or fedadam")]
    [InlineData("algorithm: fedadam, tau: 0", "federation.tau", "above 0")]
    [InlineData("algorithm: fedprox, tau: 0.1", "federation.tau", "no constant of the algorithm")]
    [InlineData("convention: hsu", "federation.convention", "openfedllm, reddi or flower")]
    public void Parse_ConstantThatDoesNotFit_IsRefusedAtItsKey(string federation, string path, string message)
    {
        ExperimentFileException refusal = Assert.Throws<ExperimentFileException>(() => Parse($"federation: {{{federation}}}"));
        ExperimentFileError error = Assert.Single(refusal.Errors);
        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SeveralThatDoNotFit_AreListedAtOnce()
    {
        ExperimentFileException refusal = Assert.Throws<ExperimentFileException>(
            () => Parse("federation: {algorithm: fedprox, prox_mu: -1, quorum: 1.5, tau: 1, convention: who}"));
        Assert.Equal(["federation.convention", "federation.prox_mu", "federation.quorum"], refusal.Errors.Select(e => e.Path).Order());
    }

    [Fact]
    public void ResolvedYaml_EveryAlgorithm_ReadsBackToTheSame() => Assert.All(
        new[] { "fedprox", "fedavgm", "fedadagrad", "fedyogi", "fedadam" }.SelectMany(a => new[] { "openfedllm", "reddi", "flower" }.Select(c => (a, c))),
        pair =>
        {
            Experiment experiment = Parse($"federation: {{algorithm: {pair.a}, convention: {pair.c}}}");
            Assert.Equal(experiment, ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(experiment)), "resolved.yaml", "/elsewhere"));
        });

    private static Experiment Parse(string federation) => ExperimentFile.Parse(
        Encoding.UTF8.GetBytes($"model: {{path: base}}\ndata: {{path: shards}}\n{federation}\n"), "algorithms.yaml", "/exp", [], "/exp");
}
