using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.RunDirectories;
using FedLLM.Experiments.Tests.Running;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>Several devices of one process, of which one fails while a real run trains on them.</summary>
public sealed class DevicePoolTests
{
    [Fact]
    public async Task TrainAsync_OneDeviceFails_ItsClientsTrainOnTheOthers_ToTheSameHash()
    {
        using var folder = new TemporaryFolder();
        Experiment experiment = DemoAssets.Experiment("federation.rounds=2", "evaluation.every=2");
        RunResult embedded = await new ExperimentRunner(PreparedExperiment.Prepare(experiment), TimeProvider.System).RunAsync(folder["embedded"], [], default);
        var failing = new FailingDevices(trainings: 2);
        var withdrawn = new List<string>();
        await using var pool = new Pool(folder.Root, [("a", new CpuDevices(false)), ("b", failing)], (_, device, failure) => withdrawn.Add($"{device.Name} {failure.Device}"));
        var work = new PreparedRunWork(experiment, new PreparedRuns(1), folder["run"], _ => pool, new OpenFence(), new HurriedClock());
        await work.RunAsync([], default);
        Assert.Equal(embedded.AdapterHash, RoundLines.Read(Path.Combine(folder["run"], "rounds.jsonl"))[^1].Adapter);
        Assert.Equal(["b b"], withdrawn);
        Assert.Equal("a", Assert.Single(pool.Devices.Working).Name);
        Assert.True(failing.Trained > 0);
    }

    [Fact]
    public async Task TrainAsync_EveryDeviceFails_IsAFaultOfTheHost()
    {
        using var folder = new TemporaryFolder();
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment("federation.rounds=1"));
        await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(folder["run"], [], default);
        await using var pool = new Pool(folder.Root, [("a", new FailingDevices(0)), ("b", new FailingDevices(0))], (_, _, _) => { });
        string identity = ExperimentIdentity.Hash(prepared.Experiment, prepared.Inputs);
        string state = RunDirectory.OpenForClients(folder["run"]).Store.Put(prepared.InitialAdapter());
        var instruction = new RoundInstruction(identity, 1, state, 1e-3);
        await Assert.ThrowsAsync<DeviceFailedException>(() => pool.Devices.For("run", "cpu").TrainAsync(instruction, 0, default));
        Assert.Empty(pool.Devices.Working);

        // Of another kind there never was one.
        await Assert.ThrowsAsync<DeviceFailedException>(() => pool.Devices.For("run", "cuda").TrainAsync(instruction, 0, default));
        using var session = new ClientSession(0, pool.Devices.For("run", "cpu"), TimeSpan.FromMinutes(1), TimeProvider.System);
        await Assert.ThrowsAsync<DeviceFailedException>(() => session.AskAsync(instruction, default));
    }

    private sealed class Pool : IClientLine, IAsyncDisposable
    {
        private readonly DeviceQueue[] _queues;
        private readonly HostedRuns[] _hosts;

        public Pool(string root, (string Name, ILearnerDevices Devices)[] devices, Action<DevicePool, PooledDevice, DeviceFailedException> withdrawn)
        {
            _queues = [.. devices.Select(_ => new DeviceQueue(TimeSpan.Zero, TimeProvider.System))];
            _hosts = [.. devices.Select((d, i) => new HostedRuns(root, new PreparedRuns(1, devices: d.Devices), _queues[i], TimeProvider.System))];
            Devices = new DevicePool([.. devices.Select((d, i) => new PooledDevice(d.Name, "cpu", _hosts[i]))], withdrawn);
        }

        public DevicePool Devices { get; }

        public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
        {
            using var session = new ClientSession(client, Devices.For("run", "cpu"), TimeSpan.FromMinutes(1), TimeProvider.System);
            return await session.AskAsync(instruction, cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (DeviceQueue queue in _queues)
            {
                await queue.DisposeAsync();
            }

            foreach (HostedRuns host in _hosts)
            {
                host.Dispose();
            }
        }
    }

    // The CPU engine on a device called b, which fails after some optimizer steps.
    private sealed class FailingDevices(int trainings) : ILearnerDevices
    {
        private int _steps;

        public int Trained => Math.Min(_steps, trainings);

        public LearnerDevice Find(DeviceKind kind, string key = "model.device") => new("b", (weights, _) => new Learner(new CpuLearner(weights), this));

        private void Step()
        {
            if (Interlocked.Increment(ref _steps) > trainings)
            {
                throw new DeviceFailedException("b", "CUDA error: an illegal memory access was encountered");
            }
        }

        private sealed class Learner(CpuLearner cpu, FailingDevices device) : ILearner
        {
            public ModelConfig Model => cpu.Model;

            public string Device => "b";

            public string Numerics => cpu.Numerics;

            public int UsefulRows => cpu.UsefulRows;

            public long LaneMemory => cpu.LaneMemory;

            public int Sessions(int threads) => cpu.Sessions(threads);

            public ILearnerSession Open(int threads) => new Session(cpu.Open(threads), device);

            public long BytesPerLane(LoraConfig lora, long rows, bool checkpointing) => cpu.BytesPerLane(lora, rows, checkpointing);

            public ILearner Corrected(TensorSet correction, int threads) => cpu.Corrected(correction, threads);

            public void Dispose() => cpu.Dispose();
        }

        private sealed class Session(ILearnerSession session, FailingDevices device) : ILearnerSession
        {
            public ILanguageModel Model(LoraAdapter? adapter) => session.Model(adapter);

            public ITrainingLane Lane(LoraConfig lora, OptimizerSettings optimizer) => session.Lane(lora, optimizer);

            public ILoraTrainer<TSample> Trainer<TSample>(IObjective<TSample> objective, bool checkpointing) => new Trainer<TSample>(session.Trainer(objective, checkpointing), device);

            public void Dispose() => session.Dispose();
        }

        private sealed class Trainer<TSample>(ILoraTrainer<TSample> trainer, FailingDevices device) : ILoraTrainer<TSample>
        {
            public void Step(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results)
            {
                device.Step();
                trainer.Step(steps, results);
            }

            public void ComputeGradient(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results) => trainer.ComputeGradient(steps, results);
        }
    }
}
