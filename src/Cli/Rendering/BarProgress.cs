using System.Globalization;
using FedLLM.Federation.Rounds;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace FedLLM.Cli.Rendering;

/// <summary>A run's progress as two bars, rounds and the round's clients, with losses, speed and time left behind them.</summary>
internal sealed class BarProgress : IRunObserver
{
    private const int TextWidth = 74; // titles and figures at their usual lengths
    private readonly IAnsiConsole _console;
    private readonly RunMeter _meter;
    private readonly ProgressTask _rounds;
    private readonly ProgressTask _clients;
    private string _figures = string.Empty;

    private BarProgress(IAnsiConsole console, ProgressContext context, int rounds, TimeProvider clock)
    {
        _console = console;
        _meter = new RunMeter(rounds, clock);
        _rounds = context.AddTask(_meter.Title, maxValue: rounds);
        _clients = context.AddTask("clients");
    }

    /// <summary>Shows the bars while <paramref name="run"/> works.</summary>
    /// <param name="console">A console on which bars can move.</param>
    /// <param name="rounds">Rounds of the run.</param>
    /// <param name="clock">Measures the time left.</param>
    /// <param name="run">Runs with the observer it is given.</param>
    public static Task<T> FollowAsync<T>(IAnsiConsole console, int rounds, TimeProvider clock, Func<IRunObserver, Task<T>> run)
    {
        BarProgress? progress = null;
        return console.Progress()
            .AutoClear(false)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn { Width = Math.Clamp(console.Profile.Width - TextWidth, 8, 40) },
                new FiguresColumn(task => progress is not null && task == progress._rounds ? progress._figures : string.Empty))
            .StartAsync(context =>
            {
                progress = new BarProgress(console, context, rounds, clock);
                return run(progress);
            });
    }

    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort)
    {
        ArgumentNullException.ThrowIfNull(cohort);
        _meter.Start(round, cohort.Count);
        _clients.MaxValue = Math.Max(1, cohort.Count);
        Update();
    }

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
        _meter.Finish();
        if (outcome is ClientExclusion exclusion)
        {
            _console.WriteLine(LineProgress.Excluded(round, exclusion));
        }

        Update();
    }

    /// <inheritdoc/>
    public void RoundCommitted(RoundRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _meter.Commit(record);
        _rounds.Value = record.Round;
        if (record.Abandoned is not null)
        {
            _console.WriteLine(LineProgress.Abandoned(record));
        }

        Update();
    }

    private void Update()
    {
        _rounds.Description = _meter.Title;
        _clients.Description = string.Create(CultureInfo.InvariantCulture, $"clients {_meter.Finished}/{_meter.Cohort}");
        _clients.Value = _meter.Finished;
        _figures = _meter.Figure();
    }

    private sealed class FiguresColumn(Func<ProgressTask, string> figures) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(figures(task).TrimStart());
    }
}
