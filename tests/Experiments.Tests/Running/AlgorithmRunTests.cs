using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Every algorithm and every LoRA aggregation as a run from an experiment file: any lanes, interrupted, exported.</summary>
public sealed class AlgorithmRunTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("fedprox", "average")]
    [InlineData("scaffold", "average")]
    [InlineData("scaffold", "rolora")]
    [InlineData("scaffold", "ffa")]
    [InlineData("scaffold", "fedsa")]
    [InlineData("scaffold", "fedex")]
    [InlineData("fedadam", "average")]
    [InlineData("fedadam", "rolora")]
    [InlineData("fedyogi", "fedsa")]
    [InlineData("fedavgm", "ffa")]
    [InlineData("fedavg", "ffa")]
    [InlineData("fedavg", "rolora")]
    [InlineData("fedavg", "fedsa")]
    [InlineData("fedavg", "fedex")]
    [InlineData("fedavg", "flora")]
    [InlineData("fedavg", "flora", DemoAssets.Ranks)]
    [InlineData("fedprox", "flexlora", DemoAssets.Ranks)]
    [InlineData("fedavg", "hetlora", DemoAssets.Ranks)]
    public async Task Run_InterruptedOnOtherLanes_EndsWithTheSameBits(string algorithm, string aggregation, string? further = null)
    {
        string[] overrides =
        [
            $"federation.algorithm={algorithm}", $"federation.lora_aggregation={aggregation}", "federation.clients_per_round=8", "federation.rounds=3",
            "training.weight_decay=0.1", "evaluation.data=none", .. further is null ? Array.Empty<string>() : [further],
        ];
        RunResult whole = await Run("whole", null, [.. overrides, "training.threads=1", "training.lanes=1"]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run("parts", new StopIn(round: 2, clients: 3), [.. overrides, "training.threads=2", "training.lanes=5"]));
        RunResult parts = await Run("parts", null, [.. overrides, "training.threads=3", "training.lanes=8"]);
        Assert.Equal(whole.Rounds.Select(r => (r.Adapter, r.BaseCorrection)), parts.Rounds.Select(r => (r.Adapter, r.BaseCorrection)));
        Assert.Equal(4, whole.Rounds.Select(r => r.Adapter).Distinct().Count()); // every round moves it
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole.AdapterFolder, "adapter_model.safetensors")), File.ReadAllBytes(Path.Combine(parts.AdapterFolder, "adapter_model.safetensors")));
    }

    [Theory]
    [InlineData("average")]
    [InlineData("ffa")]
    [InlineData("flora", DemoAssets.Ranks)]
    [InlineData("fedex")]
    [InlineData("flexlora", DemoAssets.Ranks)]
    [InlineData("hetlora", DemoAssets.Ranks)]
    public async Task Run_ExportedAdapter_HasTheLossOfTheLastEvaluationAndLearns(string aggregation, string? further = null)
    {
        RunResult run = await Run(
            "run", null, ["federation.rounds=2", "training.max_steps=3", $"federation.lora_aggregation={aggregation}", .. further is null ? Array.Empty<string>() : [further]]);
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment());
        PeftAdapter exported = PeftAdapter.Load(run.AdapterFolder, prepared.Weights.Config);
        using var suite = new LossSuite(prepared.Weights, 2);
        double loss = suite.Evaluate(new LoraAdapter(prepared.Weights.Config, exported.Config, exported.Tensors), ((SequenceData)prepared.Data).HeldOut!.Samples).Loss;
        Assert.Equal(run.Rounds[^1].Evaluation!["loss"], loss, 1e-9);
        Assert.True(loss < run.Rounds[0].Evaluation!["loss"], $"The held-out loss went from {run.Rounds[0].Evaluation!["loss"]} to {loss}.");
        Assert.Equal(aggregation is "flora" or "fedex", run.Rounds[^1].BaseCorrection is not null);
    }

    [Theory]
    [InlineData("ffa", "lora_A")]
    [InlineData("fedsa", "lora_B")]
    public async Task Run_FrozenOrPrivateFactor_StaysAsItWasInTheGlobalAdapter(string aggregation, string factor)
    {
        RunResult run = await Run("run", null, ["federation.rounds=2", "training.weight_decay=0.1", "evaluation.data=none", $"federation.lora_aggregation={aggregation}"]);
        var initial = PreparedExperiment.Prepare(DemoAssets.Experiment()).InitialAdapter();
        foreach (var slot in run.Adapter.Layout.Slots)
        {
            bool same = run.Adapter[slot].SequenceEqual(initial[slot]);
            Assert.Equal(slot.Name.Contains(factor, StringComparison.Ordinal), same);
        }
    }

    [Theory]
    [InlineData("fedadam", "flora", "", "federation.lora_aggregation", "does not go with the algorithm")]
    [InlineData("scaffold", "hetlora", "", "federation.lora_aggregation", "does not go with the algorithm")]
    [InlineData("fedyogi", "fedex", "", "federation.lora_aggregation", "fedyogi would step elsewhere")]
    [InlineData("local", "ffa", "federation.client=1", "federation.lora_aggregation", "nothing to combine")]
    [InlineData("fedavg", "average", DemoAssets.Ranks, "lora.rank_by_client", "flora, flexlora or hetlora")]
    [InlineData("fedavg", "flora", "lora.rank_by_client={1: 9}", "lora.rank_by_client", "above lora.rank")]
    [InlineData("fedavg", "flora", "lora.rank_by_client={x: 2}", "lora.rank_by_client", "no client's id")]
    [InlineData("fedavg", "flora", "lora.rank_by_client={1: 0}", "lora.rank_by_client", "from 1 to 65536")]
    [InlineData("fedavg", "fedex", "lora.rank_pattern={q_proj: 4}", "lora.rank_pattern", "one rank and one alpha")]
    [InlineData("fedprox", "average", "federation.prox_mu=-1", "federation.prox_mu", "at least 0")]
    public void Read_WhatCannotWork_IsRefusedAtItsKey(string algorithm, string aggregation, string further, string key, string problem)
    {
        ExperimentFileException e = Assert.Throws<ExperimentFileException>(() => DemoAssets.Experiment(
            [$"federation.algorithm={algorithm}", $"federation.lora_aggregation={aggregation}", .. further.Length == 0 ? Array.Empty<string>() : [further]]));
        Assert.Contains(e.Errors, error => error.Path == key && error.Message.Contains(problem, StringComparison.Ordinal));
    }

    private Task<RunResult> Run(string name, StopIn? stop, string[] overrides)
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment(
            ["federation.clients_per_round=4", "training.max_steps=2", "training.batch_size=2", "lora.dropout=0.1", .. overrides]));
        return new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, name), stop is null ? [] : [stop], stop?.Token ?? default);
    }
}
