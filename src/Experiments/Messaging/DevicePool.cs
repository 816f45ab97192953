using FedLLM.Engine.Learners;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>One of a process's training devices.</summary>
/// <param name="Name">Its name: <c>cpu</c>, <c>cuda:1</c>.</param>
/// <param name="Kind">Its kind: <c>cpu</c>, <c>cuda</c>.</param>
/// <param name="Runs">The runs whose clients train on it, through a queue of its own.</param>
public sealed record PooledDevice(string Name, string Kind, HostedRuns Runs);

/// <summary>
/// A process's training devices. A client trains on the device of its kind that has the fewest clients to train; one that fails is withdrawn for good, and those that
/// waited for it go to the others of the kind.
/// </summary>
public sealed class DevicePool
{
    private readonly Lock _gate = new();
    private readonly PooledDevice[] _devices;
    private readonly int[] _clients;
    private readonly DeviceFailedException?[] _failures;
    private readonly Action<DevicePool, PooledDevice, DeviceFailedException> _withdrawn;

    /// <summary>Takes the devices.</summary>
    /// <param name="devices">In the order of preference.</param>
    /// <param name="withdrawn">Hears of each device that is withdrawn.</param>
    public DevicePool(IReadOnlyList<PooledDevice> devices, Action<DevicePool, PooledDevice, DeviceFailedException>? withdrawn = null)
    {
        ArgumentNullException.ThrowIfNull(devices);
        _devices = [.. devices];
        _clients = new int[devices.Count];
        _failures = new DeviceFailedException?[devices.Count];
        _withdrawn = withdrawn ?? ((_, _, _) => { });
    }

    /// <summary>The devices that are not withdrawn.</summary>
    public IReadOnlyList<PooledDevice> Working
    {
        get
        {
            lock (_gate)
            {
                return [.. _devices.Where((_, i) => _failures[i] is null)];
            }
        }
    }

    /// <summary>Returns the devices of a kind as one run's clients see them; nothing is read yet.</summary>
    public ITrainingQueue For(string run, string kind) => new View(this, run, kind);

    private async Task<ClientReceipt> TrainAsync(string run, string kind, RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        while (true)
        {
            int device = Enter(kind);
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
    private int Enter(string kind)
    {
        lock (_gate)
        {
            int best = -1;
            for (int i = 0; i < _devices.Length; i++)
            {
                best = _devices[i].Kind == kind && _failures[i] is null && (best < 0 || _clients[i] < _clients[best]) ? i : best;
            }

            if (best < 0)
            {
                throw _failures.Where((_, i) => _devices[i].Kind == kind).LastOrDefault() ?? new DeviceFailedException(kind, "this process has no such training device");
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

        _withdrawn(this, _devices[device], failure);
    }

    private sealed class View(DevicePool pool, string run, string kind) : ITrainingQueue
    {
        public Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken) =>
            pool.TrainAsync(run, kind, instruction, client, cancellationToken);
    }
}
