using FedLLM.Engine.Learners;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>One of a process's training devices.</summary>
/// <param name="Name">Its name: <c>cpu</c>, <c>cuda:1</c>.</param>
/// <param name="Runs">The runs whose clients train on it, through a queue of its own.</param>
public sealed record PooledDevice(string Name, HostedRuns Runs);

/// <summary>
/// A process's training devices. A client trains on the device that has the fewest clients to train; one that fails is withdrawn for good, and those that waited for it
/// go to the others.
/// </summary>
public sealed class DevicePool
{
    private readonly Lock _gate = new();
    private readonly PooledDevice[] _devices;
    private readonly int[] _clients;
    private readonly DeviceFailedException?[] _failures;
    private readonly Action<DevicePool, DeviceFailedException> _withdrawn;

    /// <summary>Takes the devices.</summary>
    /// <param name="devices">In the order of preference.</param>
    /// <param name="withdrawn">Hears of each device that is withdrawn.</param>
    public DevicePool(IReadOnlyList<PooledDevice> devices, Action<DevicePool, DeviceFailedException>? withdrawn = null)
    {
        ArgumentNullException.ThrowIfNull(devices);
        _devices = [.. devices];
        _clients = new int[devices.Count];
        _failures = new DeviceFailedException?[devices.Count];
        _withdrawn = withdrawn ?? ((_, _) => { });
    }

    /// <summary>The names of the devices that are not withdrawn.</summary>
    public IReadOnlyList<string> Working
    {
        get
        {
            lock (_gate)
            {
                return [.. _devices.Where((_, i) => _failures[i] is null).Select(d => d.Name)];
            }
        }
    }

    /// <summary>Returns the devices as one run's clients see them; nothing is read yet.</summary>
    public ITrainingQueue For(string run) => new View(this, run);

    private async Task<ClientReceipt> TrainAsync(string run, RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        while (true)
        {
            int device = Enter();
            try
            {
                return await _devices[device].Runs.For(run).TrainAsync(instruction, client, cancellationToken).ConfigureAwait(false);
            }
            catch (DeviceFailedException failure)
            {
                Withdraw(device, failure);
            }
            finally
            {
                lock (_gate)
                {
                    _clients[device]--;
                }
            }
        }
    }

    // The device with the fewest clients, of equal ones the first.
    private int Enter()
    {
        lock (_gate)
        {
            int best = -1;
            for (int i = 0; i < _devices.Length; i++)
            {
                best = _failures[i] is null && (best < 0 || _clients[i] < _clients[best]) ? i : best;
            }

            if (best < 0)
            {
                throw _failures.LastOrDefault() ?? new DeviceFailedException("none", "this process has no training device");
            }

            _clients[best]++;
            return best;
        }
    }

    private void Withdraw(int device, DeviceFailedException failure)
    {
        lock (_gate)
        {
            if (_failures[device] is not null)
            {
                return;
            }

            _failures[device] = failure;
        }

        _withdrawn(this, failure);
    }

    private sealed class View(DevicePool pool, string run) : ITrainingQueue
    {
        public Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken) =>
            pool.TrainAsync(run, instruction, client, cancellationToken);
    }
}
