using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Schedules;

namespace FedLLM.Experiments.Running;

/// <summary>Makes of an experiment's options what trains its clients.</summary>
internal static class CohortTrainers
{
    /// <summary>Makes the trainer of the experiment's task.</summary>
    /// <param name="prepared">The experiment.</param>
    /// <param name="training">Its training options, or others in their place.</param>
    /// <param name="clock">Measures time for the clients' metrics.</param>
    public static ICohortTrainer For(PreparedExperiment prepared, TrainingOptions training, TimeProvider clock) => prepared.Data switch
    {
        SequenceData data => Make(prepared, training, clock, new NextTokenObjective(), new SequenceSamples(data.Source), prepared.Experiment.Lora.ToConfig()),

        // Dropout is off, as in TRL: the policy is compared with its reference, not with a thinned copy of itself.
        PairData data => Make(prepared, training, clock, Objective(prepared.Experiment.Dpo), Pairs(prepared, data), prepared.Experiment.Lora.ToConfig() with { Dropout = 0 }),
        _ => throw new InvalidOperationException($"The data {prepared.Data.GetType().Name} is not handled."),
    };

    /// <summary>The clients' learning rate over the rounds of an experiment; with a schedule by step, what each round begins with.</summary>
    public static ILearningRateSchedule LearningRate(Experiment experiment)
    {
        TrainingOptions options = experiment.Training;
        return options.Schedule switch
        {
            LearningRateSchedule.CosineByRound => ByRound(DecayShape.Cosine),
            LearningRateSchedule.LinearByRound => ByRound(DecayShape.Linear),
            _ => new ConstantLearningRate(options.LearningRate),
        };

        DecayByRound ByRound(DecayShape shape) => new(
            new DecayCurve(shape, options.LearningRate, options.MinLearningRate, experiment.Federation.Rounds, options.Warmup));
    }

    private static CohortTrainer<TSample> Make<TSample>(
        PreparedExperiment prepared, TrainingOptions options, TimeProvider clock, IObjective<TSample> objective, IClientSamples<TSample> samples, LoraConfig lora)
    {
        OptimizerSettings optimizer = options.Optimizer == OptimizerKind.Sgd
            ? new SgdSettings(options.Momentum ?? 0, options.WeightDecay)
            : new AdamWSettings(WeightDecay: options.WeightDecay);
        Func<int, LoraConfig> shape = LoraAggregations.ConfigOf(prepared.Experiment.Lora, lora);
        var training = new LocalTraining<TSample>(samples, options, shape, (ulong)prepared.Experiment.Seed, clock);
        int threads = options.Threads ?? Environment.ProcessorCount;
        var trained = new FrozenLearner(prepared.Learner, threads);
        var team = new LaneTeam<TSample>(
            share => new LaneGroup<TSample>(
                trained.Current, prepared.ReferenceIsOfTheRound ? trained.Current : trained.Original, optimizer, objective, share, options.GradientCheckpointing),
            threads, options.Lanes ?? LaneBudget.Lanes(prepared, options, threads), prepared.Learner.Sessions(threads));
        return new CohortTrainer<TSample>(training, team, trained);
    }

    private static PreferenceObjective Objective(DpoOptions options) => new(
        options.Loss switch
        {
            PreferenceLoss.Sigmoid => PreferenceLossKind.Sigmoid,
            PreferenceLoss.Ipo => PreferenceLossKind.Ipo,
            PreferenceLoss.Hinge => PreferenceLossKind.Hinge,
            _ => throw new InvalidOperationException($"The loss {options.Loss} is not handled."),
        },
        options.Beta, options.LabelSmoothing, options.LengthNormalized);

    private static PairSamples Pairs(PreparedExperiment prepared, PairData data)
    {
        ModelConfig model = prepared.Weights.Config;
        return prepared.Experiment.Dpo.Reference.Policy switch
        {
            ReferencePolicy.Base => PairSamples.Against(data.Source, null),
            ReferencePolicy.Round => PairSamples.AgainstRound(
                data.Source, model, LoraAggregations.ConfigOf(prepared.Experiment.Lora, prepared.Experiment.Lora.ToConfig())),
            ReferencePolicy.Adapter => PairSamples.Against(
                data.Source, new LoraAdapter(model, prepared.ReferenceAdapter!.Config, prepared.ReferenceAdapter.Tensors)),
            _ => throw new InvalidOperationException($"The reference {prepared.Experiment.Dpo.Reference.Policy} is not handled."),
        };
    }
}
