using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>
/// Clients behind a line that, by seed, loses questions, loses answers, delivers a question twice, delivers an old question again and gives an old answer, and
/// whose hosts crash: their sessions are forgotten, their stored updates are not.
/// </summary>
internal sealed class LossyLine(ulong seed, CountingQueue queue, TimeProvider clock) : IClientLine
{
    private readonly Dictionary<int, ClientSession> _sessions = [];
    private readonly List<(RoundInstruction Instruction, int Client)> _past = [];
    private readonly Dictionary<int, TrainingAnswer> _lastAnswers = [];
    private readonly CounterRandom _random = new(seed, RandomPurpose.DataGeneration);
    private ulong _draws;

    /// <summary>What befell messages, by kind.</summary>
    public Dictionary<string, int> Befallen { get; } = [];

    public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        if (Befalls("question lost", 0.2))
        {
            throw new ClientUnreachableException("The question was lost.");
        }

        if (Befalls("crash", 0.1))
        {
            Session(client, forget: true).Dispose();
        }

        if (Befalls("old question again", 0.1) && Past() is var (old, oldClient) && old is not null)
        {
            _ = await Session(oldClient).AskAsync(old, cancellationToken);
        }

        if (Befalls("question twice", 0.2))
        {
            _ = Session(client).AskAsync(instruction, cancellationToken);
        }

        TrainingAnswer answer = await Session(client).AskAsync(instruction, cancellationToken);
        lock (_past)
        {
            _past.Add((instruction, client));
        }

        if (Befalls("answer lost", 0.2))
        {
            throw new ClientUnreachableException("The answer was lost.");
        }

        lock (_lastAnswers)
        {
            if (_lastAnswers.TryGetValue(client, out TrainingAnswer? last) && Befalls("old answer", 0.1))
            {
                return last;
            }

            return _lastAnswers[client] = answer;
        }
    }

    private (RoundInstruction? Instruction, int Client) Past()
    {
        lock (_past)
        {
            return _past.Count == 0 ? (null, 0) : _past[(int)(Draw() * _past.Count)];
        }
    }

    private ClientSession Session(int client, bool forget = false)
    {
        lock (_sessions)
        {
            if (!_sessions.TryGetValue(client, out ClientSession? session))
            {
                session = _sessions[client] = new ClientSession(client, queue, TimeSpan.FromSeconds(10), clock);
            }

            if (forget)
            {
                _sessions.Remove(client);
            }

            return session;
        }
    }

    private bool Befalls(string what, double probability)
    {
        if (Draw() >= probability)
        {
            return false;
        }

        lock (Befallen)
        {
            Befallen[what] = Befallen.GetValueOrDefault(what) + 1;
        }

        return true;
    }

    private double Draw() => _random.UniformDouble(Interlocked.Increment(ref _draws));
}
