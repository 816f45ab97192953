using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace FedLLM.Cli.Tests.Support;

/// <summary>The real program, as built beside the tests, in a process of its own.</summary>
internal sealed class FedllmProcess : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2); // against a hang; nothing is measured by it
    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly Task<string> _output;
    private readonly Task _errors;
    private readonly Lock _gate = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> _awaited = [];

    private FedllmProcess(string[] args, (string Name, string Value)? variable = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string arg in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "fedllm.dll"), .. args])
        {
            start.ArgumentList.Add(arg);
        }

        start.Environment.Remove("FEDLLM_DEBUG");
        if (variable is { } set)
        {
            start.Environment[set.Name] = set.Value;
        }

        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _errors = Task.Run(Follow);
    }

    /// <summary>Starts the program.</summary>
    public static FedllmProcess Start(params string[] args) => new(args);

    /// <summary>Runs the program to its end.</summary>
    public static async Task<Answer> Run(params string[] args)
    {
        using FedllmProcess process = Start(args);
        return await process.End();
    }

    /// <summary>Runs the program to its end with an environment variable set.</summary>
    public static async Task<Answer> RunWith(string name, string value, params string[] args)
    {
        using var process = new FedllmProcess(args, (name, value));
        return await process.End();
    }

    /// <summary>Ends the process at once, as SIGKILL does.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Waits until standard error holds <paramref name="text"/>.</summary>
    public async Task Says(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_error.ToString().Contains(text, StringComparison.Ordinal))
            {
                return;
            }

            _awaited.Add((text, seen));
        }

        Task first = await Task.WhenAny(seen.Task, _errors, Task.Delay(Limit));
        Assert.True(first == seen.Task || _error.ToString().Contains(text, StringComparison.Ordinal), $"It never said '{text}': {_error}");
    }

    /// <summary>Sends the signal of Ctrl-C, or others, one right after another.</summary>
    public void Interrupt(params string[] signals)
    {
        string id = _process.Id.ToString(CultureInfo.InvariantCulture);
        string[] sent = signals is [] ? ["INT"] : signals;
        using Process shell = Process.Start("sh", ["-c", string.Join(" && ", sent.Select(s => $"kill -{s} {id}"))]);
        shell.WaitForExit();
    }

    /// <summary>Waits for the end.</summary>
    public async Task<Answer> End()
    {
        using var timeout = new CancellationTokenSource(Limit);
        await _process.WaitForExitAsync(timeout.Token);
        await _errors;
        return new Answer(_process.ExitCode, await _output, _error.ToString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private async Task Follow()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_gate)
            {
                _error.Append(line).Append('\n');
                foreach ((_, TaskCompletionSource seen) in _awaited.Where(a => line.Contains(a.Text, StringComparison.Ordinal)))
                {
                    seen.TrySetResult();
                }
            }
        }
    }
}
