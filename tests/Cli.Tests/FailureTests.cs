using FedLLM.Cli.Hosting;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Tests;

public sealed class FailureTests
{
    public static TheoryData<Exception, int, string> Cases => new()
    {
        { new InputFileException("a.json", "line 3", "is bad", "Mend it"), 1, "error: a.json, line 3: is bad. Mend it." },
        { new IOException("disk\nfull"), 1, "error: disk?full" },
        { new UnauthorizedAccessException("no"), 1, "error: no" },
        { new RunAbandonedException(4, 3, [new ClientExclusion(2, "gone")]), 1, "client 2 (gone)" },
        { new UsageException("use less"), 2, "error: use less" },
        { new InsufficientMemoryException("too small"), 1, "error: too small" },
        { new DeviceFailedException("cuda:0", "CUDA error: unknown"), 1, "error: the device cuda:0 has failed: CUDA error: unknown" },
        { new InvalidOperationException("odd"), 1, "internal error" },
        { new AggregateException(new OperationCanceledException(), new IOException("cause")), 1, "error: cause" },
        { new OperationCanceledException(), 1, "internal error" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Report_AnyException_IsOneLineWithItsCode(Exception exception, int code, string part)
    {
        (int actual, string error) = Report(exception, interrupted: false, debug: false);
        Assert.Equal(code, actual);
        Assert.Contains(part, Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_SeveralErrorsOfAFile_EachHasItsLine()
    {
        var exception = new ExperimentFileException([new ExperimentFileError("a.yaml", 3, "lora.rank", "is bad"), new ExperimentFileError("a.yaml", 0, "name", "is missing")]);
        (int code, string error) = Report(exception, interrupted: false, debug: false);
        Assert.Equal(2, code);
        Assert.Equal(["error: a.yaml:3: lora.rank: is bad", "error: a.yaml: name: is missing"], error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Report_CancelledByTheUser_IsAnInterruption(bool wrapped)
    {
        Exception cancelled = new OperationCanceledException();
        (int code, _) = Report(wrapped ? new AggregateException(cancelled, new TaskCanceledException()) : cancelled, interrupted: true, debug: false);
        Assert.Equal(130, code);
    }

    [Fact]
    public void Report_Debugging_ShowsWhere()
    {
        (_, string error) = Report(new InputFileException("a", null, "b", "c", new IOException("inner")), interrupted: false, debug: true);
        Assert.Contains("System.IO.IOException: inner", error, StringComparison.Ordinal);
    }

    private static (int Code, string Error) Report(Exception exception, bool interrupted, bool debug)
    {
        var error = new StringWriter();
        int code = Failure.Report(exception, new Terminal { Out = TextWriter.Null, Error = error, Debug = debug }, interrupted);
        return (code, error.ToString());
    }
}
