using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Hosting;

/// <summary>A prompt to be answered by several models.</summary>
/// <param name="Prompt">The instruction.</param>
/// <param name="MaxNewTokens">Most tokens of an answer.</param>
/// <param name="Rounds">Rounds whose adapters answer, besides the base model and the newest adapter.</param>
public sealed record SampleQuestion(string Prompt, int MaxNewTokens, IReadOnlyList<int> Rounds);

/// <summary>One model's answer.</summary>
/// <param name="Title">Which model.</param>
/// <param name="Round">The adapter's round; null for the base model.</param>
/// <param name="Text">What it wrote.</param>
public sealed record SampleText(string Title, int? Round, string Text);

/// <summary>All answers, or why there are none.</summary>
/// <param name="Answers">The answers, base model first.</param>
/// <param name="Problem">What went wrong; null where nothing did.</param>
public sealed record SampleAnswer(IReadOnlyList<SampleText> Answers, string? Problem)
{
    /// <summary>Rounds that were asked for and do not answer, a sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Whether another prompt is being answered, so that asking again is worth while.</summary>
    public bool IsBusy { get; init; }
}

/// <summary>Bounds what is asked of a sampler and names its answers.</summary>
internal static class Samples
{
    /// <summary>Answers a question, or says what is wrong with it.</summary>
    public static async Task<SampleAnswer> AnswerAsync(IRunFeed feed, RunView run, SampleQuestion question, CancellationToken cancellationToken)
    {
        string? problem = feed.SamplerOf(run.Id) is null ? "This host does not answer prompts with this run's models."
            : string.IsNullOrWhiteSpace(question.Prompt) ? "Write an instruction first."
            : question.Prompt.Length > SampleLimits.MaxPromptLength ? $"The instruction is longer than {SampleLimits.MaxPromptLength} characters."
            : question.MaxNewTokens is < 1 or > SampleLimits.MaxNewTokens ? $"Ask for 1 to {SampleLimits.MaxNewTokens} new tokens."
            : question.Rounds.Count > SampleLimits.MaxRounds ? $"Choose at most {SampleLimits.MaxRounds} rounds."
            : null;
        if (problem is not null)
        {
            return new SampleAnswer([], problem);
        }

        var notes = new List<string>();
        var models = new List<(string Title, int? Round, AdapterFiles? Adapter)> { ("Base model", null, null) };
        try
        {
            int? newest = run.Rounds.Count > 0 ? run.Rounds[^1].Round : null;
            foreach (int round in question.Rounds.Append(newest ?? -1).Where(r => r >= 0).Distinct().Order())
            {
                RoundRow? row = run.RoundOf(round);

                // Rounds of a live run lose their checkpoint between the page and the question; the others answer all the same.
                if (row is { BaseCorrection: null, Adapter: { } hash } && feed.OpenAdapter(run.Id, hash) is { } adapter)
                {
                    models.Add((round == newest ? $"Newest adapter, round {round}" : $"Round {round}", round, adapter));
                }
                else
                {
                    notes.Add(row is null ? $"There is no round {round}."
                        : row.BaseCorrection is null ? $"Round {round} does not answer: no checkpoint holds its adapter any more."
                        : $"Round {round} does not answer: its base correction is not applied here.");
                }
            }

            IReadOnlyList<string> texts = await feed.SamplerOf(run.Id)!.AnswerAsync(
                run, question.Prompt, [.. models.Select(m => m.Adapter)], question.MaxNewTokens, cancellationToken).ConfigureAwait(false);
            return new SampleAnswer([.. models.Zip(texts, (model, text) => new SampleText(model.Title, model.Round, text))], null) { Notes = notes };
        }
        catch (SamplingException e)
        {
            return new SampleAnswer([], e.Message) { IsBusy = e.IsBusy };
        }
        finally
        {
            foreach ((_, _, AdapterFiles? adapter) in models)
            {
                adapter?.Dispose();
            }
        }
    }
}
