using System.Diagnostics;
using System.Text;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>The real program in a process of its own, until it says where its dashboard is.</summary>
internal sealed class Fedllm : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1); // against a hang; nothing is measured by it
    private readonly Process _process;

    private Fedllm(Process process, string address)
    {
        _process = process;
        Address = address;
    }

    public string Address { get; }

    public static Task<Fedllm> Start(params string[] args) => Start([], args);

    public static async Task<Fedllm> Start((string Name, string Value)[] environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string arg in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "fedllm.dll"), .. args])
        {
            start.ArgumentList.Add(arg);
        }

        start.Environment.Remove("FEDLLM_DASHBOARD_TOKEN");
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start)!;
        try
        {
            return new Fedllm(process, await AddressOf(process));
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    /// <summary>Ends the process at once.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Waits for its end and returns its exit code.</summary>
    public async Task<int> End()
    {
        using var timeout = new CancellationTokenSource(Limit);
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }

    private static async Task<string> AddressOf(Process process)
    {
        const string Mark = "dashboard: ";
        var said = new StringBuilder();
        using var timeout = new CancellationTokenSource(Limit);
        while (await process.StandardError.ReadLineAsync(timeout.Token) is { } line)
        {
            said.AppendLine(line);
            if (line.StartsWith(Mark, StringComparison.Ordinal))
            {
                // What it says further is read, so that it never waits for a reader, and dropped.
                _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null);
                _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
                return line[Mark.Length..];
            }
        }

        throw new InvalidOperationException($"It never said where its dashboard is: {said}");
    }
}
