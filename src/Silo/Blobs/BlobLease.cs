using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedLLM.Silo.Blobs;

/// <summary>A lease on a blob, renewed by a thread of its own until it is given back. It runs out by itself where its holder dies, hangs or is cut off.</summary>
internal sealed class BlobLease : IDisposable
{
    // The shortest that the storage grants: so long a run waits for a coordinator that died.
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(3); // for a write that is on its way

    private readonly BlobLeaseClient _lease;
    private readonly TimeProvider _clock;
    private readonly Action<BlobLease> _ended;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _renewing;
    private long _renewed;
    private volatile bool _lost;

    private BlobLease(BlobLeaseClient lease, long taken, TimeProvider clock, Action<BlobLease> ended)
    {
        (_lease, _renewed, _clock, _ended) = (lease, taken, clock, ended);
        _renewing = new Thread(Renew) { IsBackground = true, Name = "lease" };
        _renewing.Start();
    }

    /// <summary>Whether nobody else can have it now.</summary>
    public bool IsHeld => !_lost && _clock.GetElapsedTime(Volatile.Read(ref _renewed)) < Duration - Margin;

    /// <summary>Takes the lease; null where somebody has it.</summary>
    /// <param name="blob">The blob, which exists.</param>
    /// <param name="clock">Measures the lease's age.</param>
    /// <param name="ended">Called when it is given back.</param>
    /// <exception cref="RequestFailedException">The storage refuses.</exception>
    public static BlobLease? TryTake(BlobClient blob, TimeProvider clock, Action<BlobLease> ended)
    {
        BlobLeaseClient lease = blob.GetBlobLeaseClient();
        long before = clock.GetTimestamp();
        try
        {
            lease.Acquire(Duration);
            return new BlobLease(lease, before, clock, ended);
        }
        catch (RequestFailedException held) when (held.ErrorCode == BlobErrorCode.LeaseAlreadyPresent)
        {
            return null;
        }
    }

    /// <summary>Gives it back; where the storage cannot be reached, it runs out.</summary>
    public void Dispose()
    {
        if (_end.IsSet)
        {
            return;
        }

        _end.Set();
        _renewing.Join();
        _ended(this);
        try
        {
            _lease.Release();
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException or OperationCanceledException)
        {
            // It was lost, or will be.
        }
    }

    private void Renew()
    {
        while (!_lost && !_end.Wait(RenewEvery))
        {
            long before = _clock.GetTimestamp();
            try
            {
                _lease.Renew();
                Volatile.Write(ref _renewed, before);
            }
            catch (RequestFailedException e) when (e.Status is 404 or 409 or 412)
            {
                _lost = true; // somebody else took it
            }
            catch (Exception e) when (e is RequestFailedException or AggregateException or OperationCanceledException)
            {
                // Tried again; until then its age tells.
            }
        }
    }
}
