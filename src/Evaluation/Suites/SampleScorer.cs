using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Evaluation.Suites;

/// <summary>Scores samples on several threads; a score's bits depend neither on their number nor on the batches.</summary>
internal sealed class SampleScorer : IDisposable
{
    private readonly ILearnerSession[] _sessions;
    private readonly ILanguageModel[] _models;

    public SampleScorer(ILearner learner, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        int sessions = learner.Sessions(threads);
        _sessions = [.. Enumerable.Range(0, sessions).Select(_ => learner.Open(Math.Max(1, threads / sessions)))];
        _models = [.. _sessions.Select(s => s.Model(null))];
    }

    /// <summary>Scores a batch of samples.</summary>
    public delegate TScore[] Scoring<TSample, TScore>(ILanguageModel model, TSample[] batch);

    /// <summary>Scores every sample with <paramref name="adapter"/>, or with the base model alone, in their order.</summary>
    public TScore[] Score<TSample, TScore>(
        LoraAdapter? adapter, IEnumerable<TSample> samples, Func<TSample, int> tokens, Scoring<TSample, TScore> score, CancellationToken cancellationToken)
    {
        TSample[][] batches = [.. TokenBatches.Of(samples, tokens)];
        var scores = new TScore[batches.Length][];
        int next = -1;
        void Work(int thread)
        {
            ILanguageModel model = _models[thread];
            model.Adapter = adapter;
            for (int i = Interlocked.Increment(ref next); i < batches.Length; i = Interlocked.Increment(ref next))
            {
                cancellationToken.ThrowIfCancellationRequested();
                scores[i] = score(model, batches[i]);
            }
        }

        Task[] tasks = [.. Enumerable.Range(1, _models.Length - 1).Select(thread => Task.Run(() => Work(thread), cancellationToken))];
        Work(0);
        Task.WaitAll(tasks, cancellationToken);
        return [.. scores.SelectMany(s => s)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ILearnerSession session in _sessions)
        {
            session.Dispose();
        }
    }
}
