using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.EndToEnd;

[Collection(SmallWorldTests.Name)]
public sealed class ProcessTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Version_IsAloneOnStandardOutput() =>
        Assert.Equal(new Answer(0, "fedllm 0.1.0" + Environment.NewLine, string.Empty), await FedllmProcess.Run("--version"));

    [Fact]
    public async Task Tokenize_TextBeyondAscii_ArrivesWhole()
    {
        string text = "The cat likes ünïcode \U0001F600.";
        Answer process = await FedllmProcess.Run("tokenize", "--tokenizer", world.Model, "--text", text);
        Assert.Equal((await Answer.Of("tokenize", "--tokenizer", world.Model, "--text", text)).Out, process.Out);
        Assert.Equal(0, process.Code);
    }

    [Fact]
    public async Task Generate_MissingModel_IsOneLineAndNoTrace()
    {
        Answer answer = await FedllmProcess.Run("generate", "--model", _folder["none"], "--prompt", "x");
        answer.IsOneLine(1, _folder["none"], "hf download");
        Assert.Single(answer.ErrorLines());
    }

    [Fact]
    public async Task Run_DirectoryInUse_NamesTheProcess()
    {
        using FedllmProcess first = FedllmProcess.Start("run", world.Experiment, "--out", _folder["run"], "--set", "federation.rounds=2000");
        await first.Says("round 1/2000");
        Answer second = await FedllmProcess.Run("run", world.Experiment, "--out", _folder["run"], "--set", "federation.rounds=2000");
        second.IsOneLine(1, _folder["run"], "another run is using it", "process");
    }

    [SkippableFact]
    public async Task Run_Interrupted_ContinuesToTheUndisturbedAdapter()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has no command that sends Ctrl-C to another process.");
        string[] longRun = ["--set", "federation.rounds=40", "--json"];
        Task<Answer> undisturbed = Answer.Of(["run", world.Experiment, "--out", _folder["undisturbed"], .. longRun]);

        using FedllmProcess process = FedllmProcess.Start(["run", world.Experiment, "--out", _folder["interrupted"], .. longRun]);
        await process.Says("round 3/40");
        process.Interrupt();
        Answer stopped = await process.End();
        Assert.True(stopped.Code == 130, stopped.ToString());
        Assert.Equal(string.Empty, stopped.Out);
        Assert.Contains("The same command continues the run", stopped.Error, StringComparison.Ordinal);

        JsonElement status = (await Answer.Of("status", _folder["interrupted"], "--json")).Json();
        Assert.Equal("unfinished", status.GetProperty("state").GetString());
        Assert.InRange(status.GetProperty("round").GetInt32(), 3, 39);

        Answer resumed = await FedllmProcess.Run(["run", world.Experiment, "--out", _folder["interrupted"], .. longRun]);
        Assert.Contains("continuing with round", resumed.Error, StringComparison.Ordinal);
        Assert.Equal((await undisturbed).Json().GetProperty("adapter").GetString(), resumed.Json().GetProperty("adapter").GetString());
    }

    [Fact]
    public async Task Run_KilledTwice_ContinuesToTheUndisturbedAdapter()
    {
        string[] longRun = ["--set", "federation.rounds=40", "--json"];
        Answer undisturbed = await Answer.Of(["run", world.Experiment, "--out", _folder["undisturbed"], .. longRun]);
        foreach (string moment in (string[])["round 2/40", "continuing with round"])
        {
            using FedllmProcess process = FedllmProcess.Start(["run", world.Experiment, "--out", _folder["killed"], .. longRun]);
            await process.Says(moment);
            process.Kill();
        }

        Answer resumed = await FedllmProcess.Run(["run", world.Experiment, "--out", _folder["killed"], .. longRun]);
        Assert.Contains("continuing with round", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(undisturbed.Json().GetProperty("adapter").GetString(), resumed.Json().GetProperty("adapter").GetString());
    }

    [SkippableTheory]
    [InlineData("DOTNET_EnableAVX512", "0")]
    [InlineData("DOTNET_EnableAVX2", "0")]
    [InlineData("DOTNET_EnableHWIntrinsic", "0")]
    [InlineData("DOTNET_TieredCompilation", "1")]
    public async Task Run_OtherInstructionsOrCompilation_GivesTheSameAdapter(string variable, string value)
    {
        // That the switches take effect is the numerics' own test; here they meet a whole run, dropout included.
        Skip.IfNot(Sse2.IsSupported, "The switches are those of x64.");
        Answer usual = await FedllmProcess.Run("run", world.Experiment, "--out", _folder["usual"], "--json");
        Answer other = await FedllmProcess.RunWith(variable, value, "run", world.Experiment, "--out", _folder["other"], "--json");
        Assert.Equal(usual.Json().GetProperty("adapter").GetString(), other.Json().GetProperty("adapter").GetString());
    }

    [SkippableFact]
    public async Task Run_InterruptedTwice_EndsInTheMiddleOfAStep()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has no command that sends Ctrl-C to another process.");
        using FedllmProcess process = FedllmProcess.Start(
            "run", world.Experiment, "--out", _folder["run"], "--set", "training.gradient_accumulation=100000");
        await process.Says("round 0/2");

        // Two signals of different kinds: two of one kind that follow at once may arrive as one.
        process.Interrupt("INT", "TERM");
        Answer stopped = await process.End();
        Assert.True(stopped.Code == 130, stopped.ToString());
        Assert.DoesNotContain("Interrupted.", stopped.Error, StringComparison.Ordinal); // what an orderly end would say
    }

    [SkippableFact]
    public async Task Run_InterruptedInTheMiddleOfALongStep_GivesItUpAndSaysHowToResume()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has no command that sends Ctrl-C to another process.");
        using FedllmProcess process = FedllmProcess.Start(
            "run", world.Experiment, "--out", _folder["run"], "--set", "training.gradient_accumulation=100000");
        await process.Says("round 0/2");
        process.Interrupt();
        Answer stopped = await process.End();
        Assert.True(stopped.Code == 130, stopped.ToString());
        Assert.Contains($"The same command continues the run in {_folder["run"]}", stopped.Error, StringComparison.Ordinal);
        Assert.Equal("unfinished", (await Answer.Of("status", _folder["run"], "--json")).Json().GetProperty("state").GetString());
    }

    [SkippableFact]
    public async Task Run_UnwritableDirectory_IsOneLineAndLeavesNothing()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The test needs a folder in which even an administrator cannot write.");
        Answer answer = await FedllmProcess.Run("run", world.Experiment, "--out", "/proc/fedllm-run");
        answer.IsOneLine(1, "/proc/fedllm-run", "--out");
    }

    [SkippableFact]
    public async Task Pretrain_UnwritableDirectory_IsOneLine()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The test needs a folder in which even an administrator cannot write.");
        (await FedllmProcess.Run("pretrain", world.PretrainConfig, "--out", "/proc/fedllm-model")).IsOneLine(1, "/proc/fedllm-model");
    }
}
