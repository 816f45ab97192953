using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>Some threads, and the lanes that train on them side by side. One caller at a time.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public sealed class LaneGroup<TSample> : IDisposable
{
    private readonly DecoderWeights _weights;
    private readonly LoraConfig _lora;
    private readonly OptimizerSettings _optimizer;
    private readonly Workers _workers;
    private readonly List<TrainingLane> _lanes = [];
    private LanguageModel? _model;

    /// <summary>Starts the threads.</summary>
    /// <param name="weights">The frozen base model.</param>
    /// <param name="lora">The adapter's shape.</param>
    /// <param name="optimizer">The clients' optimizer.</param>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <param name="checkpointing">Whether activations are computed again in the backward pass.</param>
    public LaneGroup(DecoderWeights weights, LoraConfig lora, OptimizerSettings optimizer, IObjective<TSample> objective, int threads, bool checkpointing)
    {
        (_weights, _lora, _optimizer) = (weights, lora, optimizer);
        _workers = new Workers(threads);
        Trainer = new LoraTrainer<TSample>(weights, objective, _workers, checkpointing);
    }

    /// <summary>Steps the lanes.</summary>
    public LoraTrainer<TSample> Trainer { get; }

    /// <summary>The base model on the group's threads.</summary>
    public LanguageModel Model => _model ??= new LanguageModel(_weights, null, _workers);

    /// <summary>Returns lane number <paramref name="index"/>, made when it is first asked for; what it held before does not matter once it is started.</summary>
    public TrainingLane Lane(int index)
    {
        while (_lanes.Count <= index)
        {
            _lanes.Add(new TrainingLane(_weights.Config, _lora, _optimizer));
        }

        return _lanes[index];
    }

    /// <inheritdoc/>
    public void Dispose() => _workers.Dispose();
}
