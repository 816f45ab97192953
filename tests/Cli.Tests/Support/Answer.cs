using System.Text.Json;
using FedLLM.Cli.Hosting;

namespace FedLLM.Cli.Tests.Support;

/// <summary>What a command line answered.</summary>
internal sealed record Answer(int Code, string Out, string Error)
{
    /// <summary>Runs a command line in this process, as if neither output were a screen.</summary>
    public static async Task<Answer> Of(params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int code = await CommandLine.RunAsync(args, new Terminal { Out = output, Error = error }, CancellationToken.None);
        return new Answer(code, output.ToString(), error.ToString());
    }

    /// <summary>The one JSON document that was printed.</summary>
    public JsonElement Json()
    {
        Assert.True(Code == 0, ToString());
        return JsonDocument.Parse(Out).RootElement;
    }

    /// <summary>Asserts that the command failed with one line on standard error that holds each of <paramref name="parts"/>, and printed no result.</summary>
    public void IsOneLine(int code, params string[] parts)
    {
        Assert.True(code == Code, ToString());
        string line = Assert.Single(ErrorLines(), l => l.StartsWith("error: ", StringComparison.Ordinal));
        foreach (string part in parts)
        {
            Assert.Contains(part, line, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.Equal(string.Empty, Out);
    }

    public string[] ErrorLines() => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
