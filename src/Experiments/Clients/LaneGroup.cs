using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>Some threads, and the lanes that train on them side by side. One caller at a time.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public sealed class LaneGroup<TSample> : IDisposable
{
    private readonly ModelConfig _architecture;
    private readonly DecoderWeights _reference;
    private readonly OptimizerSettings _optimizer;
    private readonly Workers _workers;
    private readonly Dictionary<LoraConfig, List<TrainingLane>> _lanes = [];
    private LanguageModel? _model;

    /// <summary>Starts the threads.</summary>
    /// <param name="weights">The frozen base model, corrections included.</param>
    /// <param name="reference">The base model of what is measured before training.</param>
    /// <param name="optimizer">The clients' optimizer.</param>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <param name="checkpointing">Whether activations are computed again in the backward pass.</param>
    public LaneGroup(DecoderWeights weights, DecoderWeights reference, OptimizerSettings optimizer, IObjective<TSample> objective, int threads, bool checkpointing)
    {
        ArgumentNullException.ThrowIfNull(weights);
        (_architecture, _reference, _optimizer) = (weights.Config, reference, optimizer);
        _workers = new Workers(threads);
        Trainer = new LoraTrainer<TSample>(weights, objective, _workers, checkpointing);
    }

    /// <summary>Steps the lanes.</summary>
    public LoraTrainer<TSample> Trainer { get; }

    /// <summary>The reference's base model on the group's threads.</summary>
    public LanguageModel Model => _model ??= new LanguageModel(_reference, null, _workers);

    /// <summary>
    /// Returns lane number <paramref name="index"/> of those for adapters of <paramref name="lora"/>, made when it is first asked for; what it held before does not
    /// matter once it is started.
    /// </summary>
    public TrainingLane Lane(int index, LoraConfig lora)
    {
        if (!_lanes.TryGetValue(lora, out List<TrainingLane>? lanes))
        {
            _lanes.Add(lora, lanes = []);
        }

        while (lanes.Count <= index)
        {
            lanes.Add(new TrainingLane(_architecture, lora, _optimizer));
        }

        return lanes[index];
    }

    /// <inheritdoc/>
    public void Dispose() => _workers.Dispose();
}
