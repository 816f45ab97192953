using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Lora;

public sealed class LoraNamesTests
{
    [Fact]
    public void Pairs_PeftsNames_AreFound()
    {
        IReadOnlyList<LoraPair> pairs = LoraNames.Pairs(LoraRound.Layout(3));
        Assert.Equal([(LoraRound.Second, 3, 6, 13), (LoraRound.First, 3, 11, 7)], pairs.Select(p => (p.Module, p.Rank, p.Inputs, p.Outputs)));
    }

    [Theory]
    [InlineData("m.bias", 2, 3, "m.lora_B.weight", 4, 2, "no LoRA factor")]
    [InlineData("m.lora_A.weight", 2, 3, "n.lora_B.weight", 4, 2, "no partner")]
    [InlineData("m.lora_A.weight", 2, 3, "m.lora_B.weight", 4, 3, "do not fit")]
    public void Pairs_TensorsThatAreNone_AreNamed(string first, int rows, int columns, string second, int secondRows, int secondColumns, string problem)
    {
        var layout = new TensorLayout([(first, [rows, columns]), (second, [secondRows, secondColumns])]);
        Assert.Contains(problem, Assert.Throws<ArgumentException>(() => LoraNames.Pairs(layout)).Message);
    }

    [Fact]
    public void Part_OfFactors_HoldsThoseAlone()
    {
        TensorLayout layout = LoraRound.Layout(2);
        Assert.Same(layout, LoraNames.Part(layout, LoraFactors.Both));
        Assert.All(LoraNames.Part(layout, LoraFactors.B).Slots, s => Assert.EndsWith("lora_B.weight", s.Name));
        Assert.Equal((2 * 7) + (2 * 13), LoraNames.Part(layout, LoraFactors.B).Count);
        Assert.Equal(0, LoraNames.Part(layout, LoraFactors.None).Count);

        // The whole of an adapter may be of any names.
        var other = new TensorLayout([("w", [2])]);
        Assert.Same(other, LoraNames.Part(other, LoraFactors.Both));
        Assert.Throws<ArgumentException>(() => LoraNames.Part(other, LoraFactors.A));
    }

    [Fact]
    public void LoraShapes_OutOfRange_AreAllNamed()
    {
        string message = Assert.Throws<ArgumentException>(
            () => new LoraShapes(new LoraShape(4, double.NaN), new Dictionary<int, LoraShape> { [7] = new(5, 8), [9] = new(0, 0) })).Message;
        Assert.All(
            new[]
            {
                "The global adapter has the alpha NaN", "Client 7's adapter has the rank 5; it must lie from 1 to the global 4",
                "Client 9's adapter has the rank 0", "Client 9's adapter has the alpha 0",
            },
            p => Assert.Contains(p, message));
    }

    [Fact]
    public void Step_OfAPart_LeavesTheRestAndItsMomentsAlone()
    {
        // Alternating halves under momentum: each must go as if the other did not exist.
        TensorLayout layout = LoraRound.Layout(2);
        var optimizer = new FedAvgM(Convention.Reddi, 0.5);
        var random = new CounterRandom(4, RandomPurpose.DataGeneration);
        ulong position = 0;
        var adapter = new TensorSet(layout);
        var alone = new Dictionary<LoraFactors, ServerStep>();
        foreach (LoraFactors half in new[] { LoraFactors.A, LoraFactors.B })
        {
            alone[half] = new ServerStep(new TensorSet(LoraNames.Part(layout, half)), new Dictionary<string, TensorSet>());
        }

        var whole = new ServerStep(adapter, new Dictionary<string, TensorSet>());
        for (int t = 0; t < 6; t++)
        {
            LoraFactors half = t % 2 == 0 ? LoraFactors.B : LoraFactors.A;
            TensorLayout part = LoraNames.Part(layout, half);
            var delta = new TensorSet(part, [.. Enumerable.Range(0, part.Count).Select(_ => random.Uniform(position++) - 0.5f)]);
            whole = TensorParts.Step(optimizer, t, whole.Adapter, new MeanUpdate(delta, 2), whole.State);
            alone[half] = optimizer.Step(t, alone[half].Adapter, new MeanUpdate(delta, 2), alone[half].State);
        }

        foreach ((LoraFactors half, ServerStep step) in alone)
        {
            TensorLayout part = LoraNames.Part(layout, half);
            Assert.Equal(step.Adapter.Values, TensorParts.Extract(whole.Adapter, part).Values);
            Assert.Equal(step.State["m"].Values, TensorParts.Extract(whole.State["m"], part).Values);
        }
    }

    [Fact]
    public void Problems_OfCombinations_NameTheReason()
    {
        var equal = new LoraShapes(new LoraShape(4, 8));
        var different = new LoraShapes(new LoraShape(4, 8), new Dictionary<int, LoraShape> { [1] = new(2, 4) });
        IServerOptimizer[] optimizers =
        [
            new FedAvg(), new FedProx(0.1), new Scaffold(3), new FedAvgM(Convention.Reddi),
            new FedAdagrad(Convention.Reddi, new()), new FedYogi(Convention.Reddi, new()), new FedAdam(Convention.Reddi, new()),
        ];
        ILoraAggregation[] aggregations =
        [
            new FedIt(), new FfaLora(), new RoLora(), new FedSaLora(), new FedExLora(equal), new Flora(equal, 1), new FlexLora(equal), new HetLora(equal),
        ];

        // Sums of deltas go with every optimizer; fedex with those that add the mean; factors made anew with those that remember nothing of the old ones.
        foreach (ILoraAggregation aggregation in aggregations)
        {
            int together = aggregation.Name switch { "fedex" => 3, "flora" or "flexlora" or "hetlora" => 2, _ => 7 };
            Assert.Equal(
                optimizers.Select((o, i) => (o.Name, i < together)),
                optimizers.Select(o => (o.Name, LoraCombinations.Problems(o, aggregation, equal).Count == 0)));
            Assert.Equal(aggregation.RanksMayDiffer ? 0 : 1, LoraCombinations.Problems(new FedAvg(), aggregation, different).Count);
        }

        Assert.Equal(["flora", "flexlora", "hetlora"], aggregations.Where(a => a.RanksMayDiffer).Select(a => a.Name));
        Assert.Equal(["fedex", "flora", "flexlora"], aggregations.Where(a => !a.Streams).Select(a => a.Name));
        Assert.Equal(["fedex", "flora"], aggregations.Where(a => a.Output == LoraOutput.AdapterAndBaseCorrection).Select(a => a.Name));
        Assert.Equal(["fedsa"], aggregations.Where(a => a.Output == LoraOutput.SharedPart).Select(a => a.Name));
        Assert.Contains("flora begins every round with fresh factors", LoraCombinations.Problems(new Scaffold(3), new Flora(equal, 1), equal)[0]);
        Assert.Contains("needs adapters of one rank", LoraCombinations.Problems(new FedAvg(), new FedIt(), different)[0]);
    }

    [Fact]
    public void RoLora_Rounds_Alternate()
    {
        var method = new RoLora();
        Assert.Equal([LoraFactors.B, LoraFactors.A, LoraFactors.B], new[] { 1, 2, 3 }.Select(method.Trained));
        Assert.Equal(method.Trained(2), method.Uploaded(2));
        Assert.Equal(LoraFactors.B, new FfaLora().Downloaded(1));
        Assert.Equal((LoraFactors.Both, LoraFactors.A), (new FedSaLora().Trained(1), new FedSaLora().Uploaded(1)));
    }
}
