using System.Diagnostics;
using System.Text.Json;
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

    [Fact]
    public async Task Tokenize_RankFile_IsReadByThisProgram()
    {
        // The 256 bytes alone are not Llama 3's; that the program says so shows that it knows what it has before it.
        string path = Path.Combine(_folder, "tokenizer.model");
        await File.WriteAllLinesAsync(path, Enumerable.Range(0, 256).Select(b => $"{Convert.ToBase64String([(byte)b])} {b}"));
        (int code, string error) = await Program(["tokenize", "--tokenizer", path, "--text", "a"]);
        Assert.Equal(1, code);
        Assert.Contains("rank file of 256 tokens", error, StringComparison.Ordinal);
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

    [SkippableTheory]
    [InlineData("int8")]
    [InlineData("nf4")]
    public async Task Run_Quantized_LearnsAndRecordsIt(string quantization)
    {
        NativeLibraryOfTorch.Require();
        RunResult dense = await Run("dense", "torch-cpu", Short);
        RunResult quantized = await Run("quantized", "torch-cpu", [.. Short, $"model.quantization={quantization}"]);
        double[] losses = [.. quantized.Rounds.Select(r => r.Evaluation!["loss"])];
        Assert.True(losses[^1] < losses[0], string.Join(' ', losses));
        Assert.NotEqual(dense.Rounds[0].Evaluation!["loss"], losses[0]);
        Assert.Equal(dense.Rounds[0].Evaluation!["loss"], losses[0], 0.2);
        Assert.Contains($"quantization: {quantization}", await File.ReadAllTextAsync(Path.Combine(_folder, "quantized", "experiment.yaml")), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Evaluate_AndGenerate_OnTorch_FollowTheCpuEngine()
    {
        NativeLibraryOfTorch.Require();
        string model = ExperimentFile.Read(Demo, []).Model.Path;
        string data = Path.Combine(ExperimentFile.Read(Demo, []).Data.Path!, "showcase.jsonl");
        string[] evaluate = ["evaluate", "--model", model, "--suite", "loss", "--data", data, "--json", "--device"];
        (string cpu, _) = await Answer([.. evaluate, "cpu"]);
        (string torch, string error) = await Answer([.. evaluate, "torch-cpu"]);
        Assert.Contains($"device: torch-cpu ({TorchLearner.NumericsVersion})", error, StringComparison.Ordinal);
        Assert.Equal(Loss(cpu), Loss(torch), 1e-4);
        Assert.NotEqual(Loss(torch), Loss((await Answer([.. evaluate, "torch-cpu", "--quantization", "int8"])).Output));

        string[] generate = ["generate", "--model", model, "--prompt", "The cat", "--max-new-tokens", "12", "--device"];
        Assert.Equal((await Answer([.. generate, "cpu"])).Output, (await Answer([.. generate, "torch-cpu"])).Output);

        static double Loss(string json) => JsonDocument.Parse(json).RootElement.GetProperty("loss").GetDouble();
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

    private static async Task<(string Output, string Error)> Answer(string[] args)
    {
        (int code, string output, string error) = await Execute(args);
        Assert.True(code == 0, error);
        return (output, error);
    }

    private static async Task<(int Code, string Error)> Program(string[] args)
    {
        (int code, _, string error) = await Execute(args);
        return (code, error);
    }

    private static async Task<(int Code, string Output, string Error)> Execute(string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (string arg in (string[])["exec", Path.Combine(AppContext.BaseDirectory, "fedllm-torch.dll"), .. args])
        {
            start.ArgumentList.Add(arg);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    private Task<RunResult> Run(string name, string device, string[] overrides)
    {
        Experiment experiment = ExperimentFile.Read(Demo, [.. overrides, $"model.device={device}"]);
        PreparedExperiment prepared = PreparedExperiment.Prepare(experiment, devices: new TorchDevices());
        return new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, name), [], CancellationToken.None);
    }
}
