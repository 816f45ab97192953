using FedLLM.Data.Sampling;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.Running;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Clients;

/// <summary>A client's round is the sequence of optimizer steps that the experiment file asks for: optimizer, rates, clipping, accumulation, dropout.</summary>
public sealed class LocalTrainingTests
{
    private const int Client = 3;
    private const int Round = 2;
    private const int Steps = 5;
    private const double Highest = 0.02;
    private const double Lowest = 0.001;

    [Fact]
    public Task Sgd_LinearByStepWithWarmUp() => AssertIs(
        ["training.optimizer=sgd", "training.momentum=0.9", "training.weight_decay=0.01", "training.schedule=linear-by-step", "training.warmup=2"],
        new SgdSettings(0.9, 0.01),
        t => t < 2 ? Highest * (t + 1) / 3 : Lowest + ((Highest - Lowest) * (Steps - t) / (Steps - 2)),
        clip: 1, GradientAccumulation.MicroBatchMean, accumulation: 1);

    [Fact]
    public Task AdamW_CosineByStepAndTokenMean() => AssertIs(
        ["training.weight_decay=0.1", "training.schedule=cosine-by-step", "training.max_grad_norm=none", "training.gradient_accumulation=2", "training.accumulation=token-mean"],
        new AdamWSettings(WeightDecay: 0.1),
        t => Lowest + (0.5 * (Highest - Lowest) * (1 + ScalarMath.Cos(Math.PI * t / Steps))),
        clip: 0, GradientAccumulation.TokenMean, accumulation: 2);

    [Fact]
    public Task Sgd_CosineByStepWithControlVariates_CorrectsEachStepAtItsOwnRate() => AssertIs(
        ["training.optimizer=sgd", "training.schedule=cosine-by-step"],
        new SgdSettings(),
        t => Lowest + (0.5 * (Highest - Lowest) * (1 + ScalarMath.Cos(Math.PI * t / Steps))),
        clip: 1, GradientAccumulation.MicroBatchMean, accumulation: 1, correction: 0.25f);

    [Fact]
    public Task AdamW_ByRoundIsConstantWithinIt() => AssertIs(
        ["training.schedule=cosine-by-round", "training.max_grad_norm=0.1", "training.gradient_accumulation=2"],
        new AdamWSettings(), _ => Highest, clip: 0.1, GradientAccumulation.MicroBatchMean, accumulation: 2);

    private static async Task AssertIs(
        string[] settings, OptimizerSettings optimizer, Func<int, double> rate, double clip, GradientAccumulation combined, int accumulation, float? correction = null)
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment(
            [$"training.max_steps={Steps}", $"training.learning_rate={Highest}", $"training.min_learning_rate={Lowest}", "lora.dropout=0.1", "training.threads=2", .. settings]));
        TensorSet start = prepared.InitialAdapter();
        var control = new TensorSet(start.Layout);
        control.Values.AsSpan().Fill(correction ?? 0);
        LocalUpdate? update = null;
        using (ICohortTrainer trainer = CohortTrainers.For(prepared, prepared.Experiment.Training, TimeProvider.System))
        {
            await trainer.TrainAsync([Client], _ => new ClientStart(start) { ControlCorrection = correction is null ? null : control }, new RoundTerms(Round, Highest), u => update = u, default);
        }

        // The same by hand, on one lane.
        using var workers = new Workers(1);
        var byHand = SingleLane.Supervised(prepared.Weights, prepared.Experiment.Lora.ToConfig(), optimizer, workers);
        byHand.Start(start);
        IReadOnlyList<TokenSequence> samples = ((SequenceData)prepared.Data).Source.Load(Client).Samples;
        var seed = (ulong)prepared.Experiment.Seed;
        int[][][] plan = RoundSampler.Plan(seed, Round, Client, samples.Count, prepared.Experiment.Training.BatchSize, accumulation, Steps);
        double loss = 0;
        for (int step = 0; step < Steps; step++)
        {
            TokenSequence[][] batches = [.. plan[step].Select(batch => batch.Select(row => samples[row]).ToArray())];
            loss += byHand.Step(batches, new StepSettings(rate(step), clip, seed, Round, Client, step, combined)).Loss;
            for (int i = 0; i < control.Values.Length; i++)
            {
                byHand.Parameters.Values[i] = (float)(byHand.Parameters.Values[i] - (rate(step) * control.Values[i]));
            }
        }

        Assert.Equal(Enumerable.Range(0, Steps).Sum(rate), update!.Rates, 1e-15);

        Assert.Equal(loss / Steps, update.Metrics.Loss, 1e-12);
        for (int i = 0; i < start.Values.Length; i++)
        {
            Assert.Equal(byHand.Parameters.Values[i] - start.Values[i], update.Delta.Values[i]);
        }
    }
}
