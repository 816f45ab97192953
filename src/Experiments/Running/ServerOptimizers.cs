using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Running;

/// <summary>Makes of an experiment's options the algorithm's server half.</summary>
internal static class ServerOptimizers
{
    /// <summary>Makes the server optimizer that <paramref name="options"/> name.</summary>
    /// <param name="options">The algorithm and its constants.</param>
    /// <param name="clients">The number of registered clients.</param>
    public static IServerOptimizer For(FederationOptions options, int clients) => options.Algorithm switch
    {
        // With one client, its adapter is the mean.
        Algorithm.FedAvg or Algorithm.Local or Algorithm.Centralized => new FedAvg(),
        Algorithm.FedProx => new FedProx(options.ProximalMu!.Value),
        Algorithm.Scaffold => new Scaffold(clients),
        Algorithm.FedAvgM => new FedAvgM(options.Convention, options.ServerMomentum!.Value, options.ServerLearningRate ?? 1),
        Algorithm.FedAdagrad => new FedAdagrad(options.Convention, Settings(options)),
        Algorithm.FedYogi => new FedYogi(options.Convention, Settings(options)),
        Algorithm.FedAdam => new FedAdam(options.Convention, Settings(options)),
        _ => throw new InvalidOperationException($"The algorithm {options.Algorithm} is not handled."),
    };

    // What an algorithm does not have, it does not look at.
    private static AdaptiveSettings Settings(FederationOptions options) => new()
    {
        LearningRate = options.ServerLearningRate!.Value,
        Tau = options.Tau!.Value,
        Beta1 = options.Beta1 ?? 0,
        Beta2 = options.Beta2 ?? 0,
    };
}
