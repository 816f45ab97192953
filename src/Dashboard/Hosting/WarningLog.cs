using Microsoft.Extensions.Logging;

namespace FedLLM.Dashboard.Hosting;

/// <summary>Hands failures of the web server to its host, a line each; everything else is not worth one.</summary>
/// <param name="warn">Hears of them.</param>
internal sealed class WarningLog(Action<string> warn) : ILoggerProvider, ILogger
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            warn($"dashboard: {formatter(state, exception)}{(exception is null ? null : $" ({exception.GetType().Name}: {exception.Message})")}");
        }
    }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
