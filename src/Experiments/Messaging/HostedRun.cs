using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Messaging;

/// <summary>A run whose clients train in this process. Its fleet lives until it is given up and its last training has ended.</summary>
/// <param name="experiment">The experiment.</param>
/// <param name="identity">The experiment's identity, as this process finds model, data and program.</param>
/// <param name="clients">Number of registered clients.</param>
/// <param name="fleet">Trains them; disposed at the end.</param>
/// <param name="queue">The device's queue as the run sees it.</param>
/// <param name="elsewhere">The silo that alone may train a client; null where this one may.</param>
internal sealed class HostedRun(Experiment experiment, string identity, int clients, EmbeddedFleet fleet, ITrainingQueue queue, Func<int, string?> elsewhere)
{
    private readonly Lock _gate = new();
    private int _trainings;
    private bool _givenUp;

    public Experiment Experiment => experiment;

    public string Identity => identity;

    public int Clients => clients;

    public ITrainingQueue Queue => queue;

    public string? Elsewhere(int client) => elsewhere(client);

    /// <summary>Begins a training; false where the run was given up already.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_givenUp)
            {
                return false;
            }

            _trainings++;
            return true;
        }
    }

    /// <summary>Ends a training.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_trainings == 0 && _givenUp)
            {
                fleet.Dispose();
            }
        }
    }

    /// <summary>Lets it go: nobody enters any more.</summary>
    public void GiveUp()
    {
        lock (_gate)
        {
            if (!_givenUp && _trainings == 0)
            {
                fleet.Dispose();
            }

            _givenUp = true;
        }
    }
}
