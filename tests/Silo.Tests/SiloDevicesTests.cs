using FedLLM.Engine.Learners;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.Silo.Hosting;
using FedLLM.TestSupport;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace FedLLM.Silo.Tests;

/// <summary>A silo whose devices fail.</summary>
public sealed class SiloDevicesTests : IDisposable
{
    private readonly string _store = Directory.CreateTempSubdirectory("fedllm-silo-devices-").FullName;

    [Fact]
    public async Task Pool_LastDeviceOfAKindFails_EndsTheSilo()
    {
        string run = Directory.CreateDirectory(Path.Combine(_store, "run")).FullName;
        string demo = Path.Combine(SharedData.RepositoryRoot(), "demo");
        string text = await File.ReadAllTextAsync(Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml"));
        await File.WriteAllTextAsync(Path.Combine(run, "experiment.yaml"), text.Replace("../demo/model", $"{demo}/model, device: cuda", StringComparison.Ordinal).Replace("../demo", demo, StringComparison.Ordinal));
        var lifetime = new Lifetime();
        await using var devices = new SiloDevices(
            _store, DiskFiles.Instance, new SiloSettings { Threads = 1 },
            [new TrainingDevice("cpu", "cpu", CpuDevices.OfThisMachine()), new TrainingDevice("cuda:0", "cuda", new Failing("cuda:0")), new TrainingDevice("cuda:1", "cuda", new Failing("cuda:1"))],
            TokenizerDirectory.Load, TimeProvider.System, lifetime, NullLogger<SiloDevices>.Instance);
        Assert.Equal(["cpu", "cuda:0", "cuda:1"], devices.Pool.Working.Select(d => d.Name));
        Assert.False(lifetime.Ended);

        DeviceFailedException failure = await Assert.ThrowsAsync<DeviceFailedException>(
            () => devices.Pool.For("run", "cuda").TrainAsync(new RoundInstruction("identity", 1, "state", 0.1), 0, default));
        Assert.Equal("cuda:1", failure.Device);
        Assert.Equal("cpu", Assert.Single(devices.Pool.Working).Name);
        Assert.True(lifetime.Ended);
    }

    [Fact]
    public async Task Prepared_RunOfAKind_IsOnTheFirstDeviceOfThatKind()
    {
        await using var devices = new SiloDevices(
            _store, DiskFiles.Instance, new SiloSettings { Threads = 1 }, [new TrainingDevice("cpu", "cpu", CpuDevices.OfThisMachine()), new TrainingDevice("cuda:3", "cuda", new Failing("cuda:3"))],
            TokenizerDirectory.Load, TimeProvider.System, new Lifetime(), NullLogger<SiloDevices>.Instance);
        string demo = Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml");
        Assert.Equal("cpu", (await devices.Prepared.GetAsync(ExperimentFile.Read(demo, []))).Learner.Device);
        DeviceFailedException failure = await Assert.ThrowsAsync<DeviceFailedException>(
            () => devices.Prepared.GetAsync(ExperimentFile.Read(demo, ["model.device=cuda"])));
        Assert.Equal("cuda:3", failure.Device);
    }

    public void Dispose() => Directory.Delete(_store, recursive: true);

    private sealed class Failing(string name) : ILearnerDevices
    {
        public LearnerDevice Find(DeviceKind kind, string key = "model.device") =>
            new(name, (_, _) => throw new DeviceFailedException(name, "CUDA error: the launch timed out and was terminated"));
    }

    private sealed class Lifetime : IHostApplicationLifetime
    {
        public bool Ended { get; private set; }

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication() => Ended = true;
    }
}
