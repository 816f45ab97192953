using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>A silo: the real program in a process of its own.</summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private const string Ready = "Application started";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SiloProcess(int port, int gateway, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        (Port, Gateway) = (port, gateway);
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "fedllm-silo.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Hear(line.Data);
        _process.ErrorDataReceived += (_, line) => Hear(line.Data);
        _process.Exited += (_, _) => _ready.TrySetException(new InvalidOperationException($"The silo ended before it was ready: {Said}"));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its port for other silos.</summary>
    public int Port { get; }

    /// <summary>Its port for clients.</summary>
    public int Gateway { get; }

    /// <summary>The process's id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it is gone.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>Its memory that is in RAM, in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Everything it wrote.</summary>
    public string Said
    {
        get
        {
            lock (_said)
            {
                return _said.ToString();
            }
        }
    }

    /// <summary>Whether it is, or was, a member of its cluster.</summary>
    public bool IsReady => _ready.Task.IsCompletedSuccessfully;

    /// <summary>Starts one.</summary>
    public static SiloProcess Begin(int port, int gateway, IReadOnlyList<string> arguments) => new(port, gateway, arguments);

    /// <summary>Starts one and waits until it is a member of its cluster.</summary>
    public static async Task<SiloProcess> StartAsync(int port, int gateway, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var silo = new SiloProcess(port, gateway, arguments, environment);
        await silo._ready.Task.WaitAsync(Patience);
        return silo;
    }

    /// <summary>Ends it at once: SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Waits until it ends by itself; returns its exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>Asks it to end: SIGTERM; returns its exit code.</summary>
    public async Task<int> StopAsync()
    {
        await SignalAsync("TERM");
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>Makes it hang: SIGSTOP.</summary>
    public Task HangAsync() => SignalAsync("STOP");

    /// <summary>Lets it go on: SIGCONT.</summary>
    public Task GoOnAsync() => SignalAsync("CONT");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("kill", ["-" + signal, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private void Hear(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_said)
        {
            _said.AppendLine(line);
        }

        if (line.Contains(Ready, StringComparison.Ordinal))
        {
            _ready.TrySetResult();
        }
    }
}
