using FedLLM.Numerics;

namespace FedLLM.Federation.Simulation;

/// <summary>How simulated clients behave. Seconds are simulated: nothing waits.</summary>
public sealed record SimulationSettings
{
    /// <summary>Probability that a sampled client is there when the round begins, in (0, 1]; default 1.</summary>
    public double Availability { get; init; } = 1;

    /// <summary>Probability that a client that is there begins but never answers, in [0, 1); default 0.</summary>
    public double DropOut { get; init; }

    /// <summary>Median time from a round's begin to a client's answer, in seconds; positive; default 1.</summary>
    public double MedianSeconds { get; init; } = 1;

    /// <summary>How clients differ in speed: the standard deviation of the logarithm of their times, lasting over the rounds; not negative; default 0.</summary>
    public double ClientSpread { get; init; }

    /// <summary>How one client's rounds differ: likewise, drawn for every round; default 0.</summary>
    public double RoundSpread { get; init; }

    /// <summary>Seconds after which a round closes with those who answered; positive, or null for none.</summary>
    public double? Deadline { get; init; }

    /// <summary>Lists everything that is out of its range, a sentence each.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        Require(Availability is > 0 and <= 1, nameof(Availability), Availability, "above 0 and at most 1");
        Require(DropOut is >= 0 and < 1, nameof(DropOut), DropOut, "at least 0 and below 1");
        Require(double.IsFinite(MedianSeconds) && MedianSeconds > 0, nameof(MedianSeconds), MedianSeconds, "positive and finite");
        Require(ClientSpread is >= 0 and <= 10, nameof(ClientSpread), ClientSpread, "from 0 to 10");
        Require(RoundSpread is >= 0 and <= 10, nameof(RoundSpread), RoundSpread, "from 0 to 10");
        Require(Deadline is null || (double.IsFinite(Deadline.Value) && Deadline > 0), nameof(Deadline), Deadline ?? 0, "positive and finite");
        return problems;

        void Require(bool holds, string name, double value, string range)
        {
            if (!holds)
            {
                problems.Add(FormattableString.Invariant($"The simulation's {name} is {value}; it must be {range}."));
            }
        }
    }
}

/// <summary>What a simulated client does in a round.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Seconds">When it answers or is found to have dropped out; 0 where it is not there.</param>
/// <param name="Absence">Why it never answers, or null where it answers.</param>
public sealed record SimulatedAnswer(int Client, double Seconds, string? Absence);

/// <summary>Says who answers and when: pure functions of (seed, round, client).</summary>
public sealed class SimulatedClients
{
    private readonly SimulationSettings _settings;
    private readonly ulong _seed;

    /// <summary>Fixes the behaviour.</summary>
    /// <exception cref="ArgumentException">A number is out of its range; the message lists every problem.</exception>
    public SimulatedClients(SimulationSettings settings, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.Problems() is { Count: > 0 } problems)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(settings));
        }

        (_settings, _seed) = (settings, seed);
    }

    /// <summary>
    /// Returns what a client does in <paramref name="round"/> (from 1): its time is MedianSeconds · exp(ClientSpread · z_i + RoundSpread · z_it), z standard normal.
    /// </summary>
    public SimulatedAnswer Of(int round, int client)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        var lasting = new CounterRandom(_seed, RandomPurpose.ClientSimulation, client: client);
        var random = new CounterRandom(_seed, RandomPurpose.ClientSimulation, round, client);
        if (random.UniformDouble(0) >= _settings.Availability)
        {
            return new SimulatedAnswer(client, 0, "it was not available");
        }

        double seconds = _settings.MedianSeconds
            * ScalarMath.Exp((_settings.ClientSpread * Normal(lasting, 0)) + (_settings.RoundSpread * Normal(random, 2)));
        return new SimulatedAnswer(client, seconds, random.UniformDouble(1) < _settings.DropOut ? "it dropped out" : null);
    }

    /// <summary>Returns a whole cohort's round.</summary>
    public SimulatedRound Of(int round, IEnumerable<int> cohort)
    {
        ArgumentNullException.ThrowIfNull(cohort);
        return new SimulatedRound([.. cohort.Select(c => Of(round, c))], _settings.Deadline);
    }

    // Box and Muller, 1958, from the uniforms at position and position + 1.
    private static double Normal(CounterRandom random, ulong position) =>
        Math.Sqrt(-2 * ScalarMath.Log(1 - random.UniformDouble(position))) * ScalarMath.Cos(2 * Math.PI * random.UniformDouble(position + 1));
}
