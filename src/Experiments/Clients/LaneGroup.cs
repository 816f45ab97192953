using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Experiments.Clients;

/// <summary>Some threads, and the lanes that train on them side by side. One caller at a time.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public sealed class LaneGroup<TSample> : IDisposable
{
    private readonly OptimizerSettings _optimizer;
    private readonly ILearnerSession _session;
    private readonly ILearnerSession _reference;
    private readonly Dictionary<LoraConfig, List<ITrainingLane>> _lanes = [];
    private ILanguageModel? _model;

    /// <summary>Starts the threads.</summary>
    /// <param name="learner">The frozen base model, corrections included.</param>
    /// <param name="reference">The base model of what is measured before training.</param>
    /// <param name="optimizer">The clients' optimizer.</param>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <param name="checkpointing">Whether activations are computed again in the backward pass.</param>
    public LaneGroup(ILearner learner, ILearner reference, OptimizerSettings optimizer, IObjective<TSample> objective, int threads, bool checkpointing)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentNullException.ThrowIfNull(reference);
        _optimizer = optimizer;
        _session = learner.Open(threads);
        _reference = ReferenceEquals(learner, reference) ? _session : reference.Open(threads);
        Trainer = _session.Trainer(objective, checkpointing);
    }

    /// <summary>Steps the lanes.</summary>
    public ILoraTrainer<TSample> Trainer { get; }

    /// <summary>The reference's base model on the group's threads.</summary>
    public ILanguageModel Model => _model ??= _reference.Model(null);

    /// <summary>
    /// Returns lane number <paramref name="index"/> of those for adapters of <paramref name="lora"/>, made when it is first asked for; what it held before does not
    /// matter once it is started.
    /// </summary>
    public ITrainingLane Lane(int index, LoraConfig lora)
    {
        if (!_lanes.TryGetValue(lora, out List<ITrainingLane>? lanes))
        {
            _lanes.Add(lora, lanes = []);
        }

        while (lanes.Count <= index)
        {
            lanes.Add(_session.Lane(lora, _optimizer));
        }

        return lanes[index];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ITrainingLane lane in _lanes.Values.SelectMany(lanes => lanes))
        {
            lane.Dispose();
        }

        _session.Dispose();
        if (_reference != _session)
        {
            _reference.Dispose();
        }
    }
}
