using FedLLM.Experiments.Coordination;
using FedLLM.Federation.Rounds;
using Orleans.Storage;

namespace FedLLM.Grains;

/// <summary>
/// A run's stored state, as its coordinator changes it from any thread: each change is written on the grain's own scheduler, one at a time, and only while this
/// coordinator is the run's driver. An answer of the storage that gets lost is told from another driver by reading what is stored.
/// </summary>
/// <param name="stored">The state.</param>
/// <param name="driver">This coordinator.</param>
/// <param name="grain">The grain's scheduler.</param>
internal sealed class StoredRun(IPersistentState<RunState> stored, string driver, TaskScheduler grain) : IPhaseStore, ICommitFence, IDisposable
{
    private const int Attempts = 3;
    private readonly SemaphoreSlim _turn = new(1);
    private volatile RunState _state = stored.State;
    private volatile bool _superseded;

    /// <summary>The state as this coordinator last wrote or read it.</summary>
    public RunState State => _state;

    /// <inheritdoc/>
    public int LastRound => _state.Round;

    /// <summary>Makes this coordinator the run's driver.</summary>
    /// <returns>Whether nobody else had changed the state since this coordinator last wrote or read it.</returns>
    public Task<bool> ClaimAsync(Func<RunState, RunState>? change = null) =>
        ChangeAsync(s => (change?.Invoke(s) ?? s) with { Driver = driver }, claims: true);

    /// <inheritdoc/>
    public Task SaveAsync(PhaseRecord record) => ChangeAsync(s => s with { Phase = record.Phase.ToString(), Reason = record.Reason }, claims: false);

    /// <inheritdoc/>
    public void Pass(GlobalState state, RoundRecord record) =>
        ChangeAsync(s => s with { Round = record.Round, Adapter = record.Adapter }, claims: false).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async Task<bool> ChangeAsync(Func<RunState, RunState> change, bool claims)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            return await Task.Factory.StartNew(() => WriteAsync(change, claims), CancellationToken.None, TaskCreationOptions.None, grain).Unwrap().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            await stored.ReadStateAsync();
        }
        catch (Exception fault)
        {
            throw Unreachable(fault);
        }
    }

    // Whatever the provider throws, it may pass. What it says stays in the log: it may name what only operators should read.
    private static IOException Unreachable(Exception fault) =>
        new($"The cluster's storage cannot be read or written ({fault.GetBaseException().GetType().Name}).", fault);

    private async Task<bool> WriteAsync(Func<RunState, RunState> change, bool claims)
    {
        bool known = !_superseded;
        for (int attempt = 1; ; attempt++)
        {
            RunState before = stored.State;
            if (!claims && (_superseded || before.Driver != driver))
            {
                _superseded = true;
                throw new SupersededException("Another coordinator drives the run.");
            }

            try
            {
                stored.State = change(before);
                await stored.WriteStateAsync();
                _state = stored.State;
                _superseded = false;
                return known;
            }
            catch (InconsistentStateException) when (attempt < Attempts)
            {
                // Another driver's write, or an own one whose answer got lost.
                await ReadAsync();
                known &= stored.State.Driver == driver;
                _state = stored.State;
            }
            catch (Exception fault)
            {
                stored.State = before;
                throw Unreachable(fault);
            }
        }
    }
}
