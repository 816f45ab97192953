using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Engine.Models;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Running;

/// <summary>What measures the rounds of an experiment.</summary>
/// <param name="Global">Measures the global state, or null without held-out data.</param>
/// <param name="Personal">Measures clients on their own held-out data, or null where that is not asked for.</param>
internal sealed record Evaluators(IRoundEvaluator? Global, IClientEvaluator? Personal)
{
    /// <summary>Makes them of an experiment's options and data.</summary>
    /// <param name="prepared">The experiment.</param>
    /// <param name="losses">Measures losses.</param>
    /// <param name="preferences">Measures preferences.</param>
    /// <param name="global">Makes an adapter of a state.</param>
    /// <param name="clients">Makes a client's own adapter.</param>
    public static Evaluators For(PreparedExperiment prepared, LossSuite losses, PreferenceSuite preferences, StateAdapter global, ClientAdapters clients)
    {
        ModelConfig model = prepared.Weights.Config;
        EvaluationOptions options = prepared.Experiment.Evaluation;
        return prepared.Data switch
        {
            SequenceData data => Make(new LossMeasure(losses), data.HeldOut, data.Own),
            PairData data => Make(new RewardMeasure(preferences, prepared.Experiment.Dpo.Beta), data.HeldOut, data.Own),
            _ => throw new InvalidOperationException($"The data {prepared.Data.GetType().Name} is not handled."),
        };

        Evaluators Make<TSample>(IHeldOutMeasure<TSample> measure, SampleSet<TSample>? heldOut, IShardSource<TSample>? own)
            where TSample : class
        {
            IRoundEvaluator? whole = heldOut is null ? null
                : !clients.AreKept ? new HeldOutEvaluator<TSample>(measure, model, global, heldOut.Samples)
                : new SharedPartEvaluator<TSample>(measure, model, global, clients)
                {
                    Common = prepared.HeldOutIsOwn ? null : heldOut.Samples,
                    Most = prepared.Experiment.Federation.CohortOf(prepared.Shards.Clients),
                    Own = own,
                    Clients = prepared.OwnParts,
                };
            return new Evaluators(whole, options.Personal == PersonalEvaluation.None || own is null
                ? null
                : new PersonalEvaluator<TSample>(measure, model, global, clients, own, options.Personal == PersonalEvaluation.All)
                {
                    IsPooled = prepared.Experiment.Federation.Algorithm == Algorithm.Centralized,
                });
        }
    }
}
