using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Benchmarks.Training;

/// <summary>One piece of training work: a base model, and for every client the batches of its optimizer steps, of sequences or of pairs.</summary>
/// <param name="Name">What <c>--case</c> calls it.</param>
/// <param name="WriteModel">Writes the base model into a folder.</param>
internal sealed record TrainingCase(string Name, Action<string> WriteModel)
{
    /// <summary>Sequences by client, step and place in the batch; empty where there are pairs.</summary>
    public TokenSequence[][][] Sequences { get; init; } = [];

    /// <summary>Pairs by client, step and place in the batch; empty where there are sequences.</summary>
    public PreferencePair[][][] Pairs { get; init; } = [];

    /// <summary>How our side keeps the base model's matrices.</summary>
    public WeightStorage Storage { get; init; }

    /// <summary>How many clients our side trains side by side, in turn; the first is compared with the others.</summary>
    public IReadOnlyList<int> Lanes { get; init; } = [1];

    /// <summary>Unpadded tokens of all clients' batches; those that two answers share count for each.</summary>
    public long Tokens => Sequences.Sum(c => c.Sum(b => b.Sum(s => (long)s.Tokens.Length)))
        + Pairs.Sum(c => c.Sum(b => b.Sum(p => (long)p.Chosen.Tokens.Length + p.Rejected.Tokens.Length)));

    /// <summary>Optimizer steps of all clients.</summary>
    public int Steps => Sequences.Sum(c => c.Length) + Pairs.Sum(c => c.Length);
}
