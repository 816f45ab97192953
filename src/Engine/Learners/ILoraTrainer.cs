using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Learners;

/// <summary>Trains LoRA adapters on one frozen base, several side by side.</summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public interface ILoraTrainer<TSample>
{
    /// <summary>Takes one optimizer step in every lane.</summary>
    /// <param name="steps">The lanes' steps, each of another lane of the trainer's session.</param>
    /// <param name="results">Receives each lane's result.</param>
    /// <exception cref="ArgumentException">A lane has no micro-batch, or one has no term (it scores no token); or there is not a result for each.</exception>
    void Step(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results);

    /// <summary>Computes the lanes' losses and gradients without stepping.</summary>
    /// <exception cref="ArgumentException">As <see cref="Step"/>.</exception>
    void ComputeGradient(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results);
}

/// <summary>One client's adapter in training: its parameters, gradient and optimizer. Several lanes share one base model and one <see cref="ILoraTrainer{TSample}"/>.</summary>
public interface ITrainingLane : IDisposable
{
    /// <summary>The shape of the adapter.</summary>
    LoraConfig Lora { get; }

    /// <summary>The factors as they are now. They are read only: <see cref="Edit"/> changes them.</summary>
    TensorSet Parameters { get; }

    /// <summary>The gradient of the last step, before clipping, in the parameters' layout.</summary>
    TensorSet Gradient { get; }

    /// <summary>Starts over from <paramref name="adapter"/> with a fresh optimizer.</summary>
    /// <param name="adapter">The first parameters; copied, but with a proximal term it must not change while the lane trains.</param>
    /// <param name="terms">What is added to the objective; nothing by default.</param>
    /// <exception cref="ArgumentException">The adapter's layout is not the lane's, or mu is out of its range.</exception>
    void Start(TensorSet adapter, LaneTerms? terms = null);

    /// <summary>Lets <paramref name="change"/> change the factors in place, in their layout's order, between two steps; the optimizer's moments stay.</summary>
    void Edit(Action<float[]> change);
}
