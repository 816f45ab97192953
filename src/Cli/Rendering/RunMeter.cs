using System.Globalization;
using System.Text;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Rendering;

/// <summary>
/// Keeps what a run's progress line shows: the round, the newest losses, the speed, the time left. Speed and time left are this process's own: rounds
/// done before an interruption do not count.
/// </summary>
internal sealed class RunMeter(int rounds, TimeProvider clock)
{
    private long? _started;
    private int _roundsHere;
    private int _committed;
    private double _tokens;
    private double _trainSeconds;
    private double? _trainLoss;
    private ClientRewards? _rewards;
    private double? _heldOut;
    private double? _heldOutAccuracy;

    /// <summary>The last round that began or ended.</summary>
    public int Round { get; private set; }

    /// <summary>Clients sampled for that round.</summary>
    public int Cohort { get; private set; }

    /// <summary>Clients of that round that ended.</summary>
    public int Finished { get; private set; }

    /// <summary>
    /// The line: <c>round 3/20  train 2.3146  held-out 2.4512  1,234 tok/s  eta 00:41</c>; in preference learning
    /// <c>train 0.6498  acc 0.637  margin 0.159  held-out acc 0.605</c>. What is not known yet is left out.
    /// </summary>
    public string Line => $"{Title}{Figure()}";

    /// <summary>The line's beginning: <c>round 3/20</c>.</summary>
    public string Title => string.Create(CultureInfo.InvariantCulture, $"round {Round}/{rounds}");

    /// <summary>A round begins.</summary>
    public void Start(int round, int cohort)
    {
        _started ??= clock.GetTimestamp();
        (Round, Cohort, Finished) = (round, cohort, 0);
    }

    /// <summary>A client of the round ended.</summary>
    public void Finish() => Finished++;

    /// <summary>A round ended.</summary>
    public void Commit(RoundRecord record)
    {
        Round = _committed = record.Round;
        _trainLoss = record.TrainLoss ?? _trainLoss;
        _rewards = record.Rewards ?? _rewards;
        _heldOut = Measured(record, "loss") ?? _heldOut;
        _heldOutAccuracy = Measured(record, "preference_accuracy") ?? _heldOutAccuracy;

        if (_started is not null)
        {
            _roundsHere++;
            _tokens += record.Clients.Sum(c => (double)c.Tokens);
            _trainSeconds += record.Seconds.GetValueOrDefault("train");
        }
    }

    /// <summary>The line's figures, each led by two spaces.</summary>
    public string Figure()
    {
        var text = new StringBuilder();
        if (_trainLoss is not null)
        {
            text.Append("  train ").Append(Figures.Measure(_trainLoss));
        }

        if (_rewards is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"  acc {_rewards.Accuracy:0.000}  margin {_rewards.Margin:0.000}");
        }

        if (_heldOut is not null)
        {
            text.Append("  held-out ").Append(Figures.Measure(_heldOut));
        }

        if (_heldOutAccuracy is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"  held-out acc {_heldOutAccuracy:0.000}");
        }

        if (_trainSeconds > 0)
        {
            text.Append("  ").Append(Figures.Count(_tokens / _trainSeconds)).Append(" tok/s");
        }

        if (_roundsHere > 0)
        {
            TimeSpan left = clock.GetElapsedTime(_started!.Value) / _roundsHere * (rounds - _committed);
            text.Append("  eta ").Append(Figures.Duration(left));
        }

        return text.ToString();
    }

    private static double? Measured(RoundRecord record, string suite) => record.Evaluation is { } values && values.TryGetValue(suite, out double value) ? value : null;
}
