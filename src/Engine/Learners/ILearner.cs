using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Learners;

/// <summary>
/// A frozen base model on one device, and everything that is done with it: training adapters, scoring, generating. What trains and evaluates knows only this; the CPU
/// engine of this project and other engines implement it.
/// </summary>
/// <remarks>
/// Safe for concurrent use; what <see cref="Open"/> returns is not. Whatever computes throws <see cref="DeviceFailedException"/> where the device itself has failed, and
/// <see cref="InsufficientMemoryException"/> where its memory is too small.
/// </remarks>
public interface ILearner : IDisposable
{
    /// <summary>The architecture.</summary>
    ModelConfig Model { get; }

    /// <summary>The device, in words for people: <c>cpu</c>, <c>cuda:0</c>.</summary>
    string Device { get; }

    /// <summary>Engine and version of its arithmetic. Results of different ones are not comparable to the bit, so they are part of an experiment's identity.</summary>
    string Numerics { get; }

    /// <summary>Rows of a pass beyond which more lanes make no product faster.</summary>
    int UsefulRows { get; }

    /// <summary>Bytes that all lanes together may fill where an experiment names no bound.</summary>
    long LaneMemory { get; }

    /// <summary>Returns how many sessions do best side by side on <paramref name="threads"/> threads, at least 1.</summary>
    int Sessions(int threads);

    /// <summary>Opens a place to compute on <paramref name="threads"/> threads.</summary>
    ILearnerSession Open(int threads);

    /// <summary>Returns about how many bytes one lane needs besides the base model: adapter, gradient, moments and the activations of <paramref name="rows"/> rows.</summary>
    long BytesPerLane(LoraConfig lora, long rows, bool checkpointing);

    /// <summary>Returns a learner whose linear layers hold W + B·A where <paramref name="correction"/> has factors; this one stays as it is.</summary>
    /// <param name="correction">Factors under an adapter's names, scaling 1.</param>
    /// <param name="threads">Threads, at least 1.</param>
    /// <exception cref="ArgumentException">A factor does not fit the model; the message names it.</exception>
    ILearner Corrected(TensorSet correction, int threads);
}

/// <summary>Where passes run one after another: some threads of a CPU, or a GPU. One caller at a time.</summary>
public interface ILearnerSession : IDisposable
{
    /// <summary>Returns the model with <paramref name="adapter"/>, or alone, for evaluation and generation.</summary>
    ILanguageModel Model(LoraAdapter? adapter);

    /// <summary>Makes a lane for adapters of <paramref name="lora"/>.</summary>
    ITrainingLane Lane(LoraConfig lora, OptimizerSettings optimizer);

    /// <summary>Makes what steps this session's lanes.</summary>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="checkpointing">Whether to keep only the layers' inputs and compute each layer again in the backward pass.</param>
    /// <exception cref="NotSupportedException">The engine does not know the objective.</exception>
    ILoraTrainer<TSample> Trainer<TSample>(IObjective<TSample> objective, bool checkpointing);
}
