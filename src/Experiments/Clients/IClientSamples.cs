using FedLLM.Engine.Learners;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>The clients' samples in the form they are trained on. Implementations are safe for concurrent use.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public interface IClientSamples<TSample>
{
    /// <summary>Returns a client's number of usable samples, which is its aggregation weight.</summary>
    int Count(int client);

    /// <summary>Returns the tokens of some of a client's samples, of a pair those of both answers; about so many, from the mean of all, where they are not in memory.</summary>
    double Tokens(int client, IReadOnlyList<int> rows);

    /// <summary>Returns the samples of a client that one round trains on, by row.</summary>
    /// <param name="client">Client id, from 0.</param>
    /// <param name="rows">The rows, each once.</param>
    /// <param name="global">The round's global adapter.</param>
    /// <param name="model">The base model, for what must be measured before training; its adapter may be exchanged.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    IReadOnlyDictionary<int, TSample> Load(int client, IReadOnlyList<int> rows, TensorSet global, ILanguageModel model, CancellationToken cancellationToken);
}
