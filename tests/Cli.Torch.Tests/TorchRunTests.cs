using System.Diagnostics;
using FedLLM.Engine.Torch;
using FedLLM.Engine.Torch.Tests;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using FedLLM.TestSupport;

namespace FedLLM.Cli.Torch.Tests;

/// <summary>Federated runs on the Torch engine, on its CPU: they follow the CPU engine's within rounding, can be continued, and never change the engine on the way.</summary>
public sealed class TorchRunTests : IDisposable
{
    private static readonly string Demo = Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml");
    private static readonly string[] Short = ["federation.rounds=2", "evaluation.every=1", "training.schedule=constant", "training.learning_rate=1e-3", "training.threads=1"];
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-torch-").FullName;

    public static TheoryData<string[]> Methods() =>
    [
        [], ["federation.algorithm=scaffold"], ["federation.algorithm=fedprox", "model.dtype=float32"], ["federation.lora_aggregation=flora"],
        ["federation.lora_aggregation=ffa"], ["training.gradient_checkpointing=true", "training.lanes=2"],
    ];

    [SkippableTheory]
    [MemberData(nameof(Methods))]
    public async Task Run_OnTorch_FollowsTheCpuEngine(string[] method)
    {
        NativeLibraryOfTorch.Require();
        RunResult cpu = await Run("cpu", "cpu", [.. Short, .. method]);
        RunResult torch = await Run("torch", "torch-cpu", [.. Short, .. method]);
        Assert.Equal(cpu.Rounds.Count, torch.Rounds.Count);
        foreach ((var expected, var ours) in cpu.Rounds.Zip(torch.Rounds))
        {
            Assert.Equal(expected.Evaluation!["loss"], ours.Evaluation!["loss"], 1e-3);
        }

        AssertClose(cpu.Adapter.Values, torch.Adapter.Values);
    }

    [SkippableFact]
    public async Task Run_CarriedOn_IsTheUndisturbedRun()
    {
        NativeLibraryOfTorch.Require();
        RunResult whole = await Run("whole", "torch-cpu", Short);
        await Run("halves", "torch-cpu", [.. Short, "federation.rounds=1"]);
        AssertClose(whole.Adapter.Values, (await Run("halves", "torch-cpu", Short)).Adapter.Values);
    }

    [SkippableFact]
    public async Task Program_SaysItsDevice_AndDoesNotContinueTheRunWithAnotherEngine()
    {
        NativeLibraryOfTorch.Require();
        string directory = Path.Combine(_folder, "process");
        string[] run = ["run", Demo, "--out", directory, .. Short.SelectMany(s => new[] { "--set", s })];
        (int code, string error) = await Program([.. run, "--set", "model.device=torch-cpu"]);
        Assert.Equal(0, code);
        Assert.Contains($"device: torch-cpu ({TorchLearner.NumericsVersion})", error, StringComparison.Ordinal);
        (code, error) = await Program([.. run, "--set", "model.device=cpu", "--set", "federation.rounds=3"]);
        Assert.Equal(1, code);
        Assert.Contains("numerics version", error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Cuda_WithoutAGpu_SaysWhy()
    {
        NativeLibraryOfTorch.Require();
        Skip.If(TorchDevice.Gpus > 0, "A GPU is here.");
        DeviceUnavailableException error = Assert.Throws<DeviceUnavailableException>(() => new TorchDevices().Find(DeviceKind.Cuda));
        Assert.Contains("model.device is cuda", error.Message, StringComparison.Ordinal);
        Assert.Equal("cpu", new TorchDevices().Find(DeviceKind.Auto).Name);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void AssertClose(float[] expected, float[] actual)
    {
        // Elements whose gradient is rounding noise: Adam moves them by the learning rate, either way.
        int far = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            far += Math.Abs(expected[i] - actual[i]) > 1e-4 ? 1 : 0;
        }

        Assert.InRange(far, 0, expected.Length / 100);
    }

    private static async Task<(int Code, string Error)> Program(string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string arg in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "fedllm-torch.dll"), .. args])
        {
            start.ArgumentList.Add(arg);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }

    private Task<RunResult> Run(string name, string device, string[] overrides)
    {
        Experiment experiment = ExperimentFile.Read(Demo, [.. overrides, $"model.device={device}"]);
        PreparedExperiment prepared = PreparedExperiment.Prepare(experiment, devices: new TorchDevices());
        return new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, name), [], CancellationToken.None);
    }
}
