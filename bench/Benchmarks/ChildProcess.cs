using System.Diagnostics;
using System.Text.Json;

namespace FedLLM.Benchmarks;

/// <summary>Runs a command of this program in a process of its own, so that one case's memory and warmth are not another's.</summary>
internal static class ChildProcess
{
    /// <summary>Runs the command and returns the JSON document that it prints.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static T Run<T>(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize<T>(output)! : throw new InvalidOperationException($"The case {string.Join(' ', arguments)} failed.");
    }
}
