using System.Diagnostics.Metrics;

namespace FedLLM.Grains;

/// <summary>Counts the messages that this process sends to other silos and to Orleans clients, by Orleans' own meter, and those that stay within it.</summary>
public sealed class SentMessages : IDisposable
{
    private const string Meter = "Microsoft.Orleans";
    private const string Sizes = "orleans-messaging-sent-messages-size";
    private const string Within = "orleans-messaging-sent-local";

    private readonly MeterListener _listener = new();
    private long _count;
    private long _bytes;
    private long _within;

    /// <summary>Counts from here on.</summary>
    public SentMessages()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Meter && instrument.Name is Sizes or Within)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((_, size, _, _) =>
        {
            Interlocked.Increment(ref _count);
            Interlocked.Add(ref _bytes, size);
        });
        _listener.SetMeasurementEventCallback<long>((_, count, _, _) => Volatile.Write(ref _within, count));
        _listener.Start();
    }

    /// <summary>Returns the messages sent, their bytes, and the messages within the process.</summary>
    public (long Count, long Bytes, long Within) Read()
    {
        _listener.RecordObservableInstruments();
        return (Interlocked.Read(ref _count), Interlocked.Read(ref _bytes), Interlocked.Read(ref _within));
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();
}
