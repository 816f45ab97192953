using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Schedules;

namespace FedLLM.Experiments.Clients;

/// <summary>The learning rates of one client's optimizer steps in a round: constant within it, or along a curve that begins anew in each round.</summary>
internal sealed class StepRates
{
    private readonly double _constant;
    private readonly DecayCurve? _curve;
    private readonly int _steps;

    /// <summary>Fixes the rates.</summary>
    /// <param name="options">The schedule.</param>
    /// <param name="learningRate">The round's rate.</param>
    /// <param name="steps">The client's steps, at least 1.</param>
    public StepRates(TrainingOptions options, double learningRate, int steps)
    {
        (_constant, _steps) = (learningRate, steps);
        if (options.Schedule is LearningRateSchedule.CosineByStep or LearningRateSchedule.LinearByStep)
        {
            DecayShape shape = options.Schedule == LearningRateSchedule.CosineByStep ? DecayShape.Cosine : DecayShape.Linear;
            _curve = new DecayCurve(shape, learningRate, options.MinLearningRate, steps, options.Warmup);
        }
    }

    /// <summary>The sum over all steps; of a constant rate steps · rate, as OpenFedLLM has it.</summary>
    public double Sum => _curve is null ? _steps * _constant : Enumerable.Range(0, _steps).Sum(_curve.At);

    /// <summary>Returns the rate of a step, from 0.</summary>
    public double At(int step) => _curve?.At(step) ?? _constant;
}
