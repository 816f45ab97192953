using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;

namespace FedLLM.Federation.Tests.Lora;

/// <summary>The methods that promise it give the weighted mean of the clients' merged weights, to float32 rounding, round after round.</summary>
public sealed class ExactAggregationTests
{
    // Merged weights are sums of a few dozen products of order 1/4; each factor and product is rounded to 24 bits a handful of times.
    private const double Tolerance = 3e-6;

    private static readonly LoraShapes Equal = new(new LoraShape(3, 6));

    // Client 0 has rank 1 and scaling 4, client 2 rank 2 and scaling 1; the others the global rank 3 and scaling 2.
    private static readonly LoraShapes Different = new(new LoraShape(3, 6), new Dictionary<int, LoraShape> { [0] = new(1, 4), [2] = new(2, 2) });

    public static TheoryData<string> ExactMethods => ["ffa", "rolora", "flora", "flora of different ranks", "fedex"];

    [Theory]
    [MemberData(nameof(ExactMethods))]
    public void Combine_ExactMethod_GivesTheMeanOfTheMergedWeights(string method)
    {
        ILoraAggregation aggregation = method switch
        {
            "ffa" => new FfaLora(),
            "rolora" => new RoLora(),
            "flora" => new Flora(Equal, seed: 9),
            "fedex" => new FedExLora(Equal),
            _ => new Flora(Different, seed: 9),
        };
        LoraShapes shapes = aggregation.RanksMayDiffer && method != "flora" ? Different : Equal;

        // One client, then four a round: the corrections' stacks fit at first, then pass min(out, in) and are folded.
        GlobalState state = LoraRound.Beginning(3);
        for (int r = 0; r < 5; r++)
        {
            var round = new LoraRound(aggregation, shapes, state, clients: r == 0 ? 1 : 4);
            state = round.Next();
            foreach (string module in new[] { LoraRound.First, LoraRound.Second })
            {
                RequireEqual(round.MeanOfMerged(module), LoraRound.Merged(state.Adapter, shapes.Global.Scaling, state.BaseCorrection, module), Tolerance);
            }
        }
    }

    [Fact]
    public void Combine_Average_IsTheMeanOfTheFactorsAndNotOfTheProducts()
    {
        var round = new LoraRound(new FedIt(), Equal, LoraRound.Beginning(3), clients: 4);
        GlobalState next = round.Next();
        double[] shares = round.Updates.Shares();
        for (int i = 0; i < next.Adapter.Values.Length; i++)
        {
            Assert.Equal(shares.Select((p, c) => p * round.Trained[c].Values[i]).Sum(), next.Adapter.Values[i], 1e-6);
        }

        double[] merged = LoraRound.Merged(next.Adapter, 2, null, LoraRound.First);
        Assert.True(merged.Zip(round.MeanOfMerged(LoraRound.First), (x, y) => Math.Abs(x - y)).Max() > 0.01);
        Assert.Null(next.BaseCorrection);
    }

    [Fact]
    public void Combine_FlexLora_EqualsTheDenseDecomposition()
    {
        GlobalState state = LoraRound.Beginning(3);
        for (int r = 0; r < 2; r++)
        {
            var aggregation = new FlexLora(Different);
            var round = new LoraRound(aggregation, Different, state, clients: 4);
            state = round.Next();
            foreach (string module in new[] { LoraRound.First, LoraRound.Second })
            {
                // The best approximations of the mean product, of rank 3 for the whole and r_i for the clients.
                LoraPair pair = LoraNames.PairOf(state.Adapter.Layout, module);
                double[] dense = round.MeanOfMerged(module);
                RequireEqual(DenseSvd.Truncate(dense, pair.Outputs, 3), LoraRound.Merged(state.Adapter, 2, null, module), 1e-6);
                for (int c = 0; c < 4; c++)
                {
                    double[] begun = LoraRound.Merged(aggregation.ForClient(state.Adapter, c), Different.Of(c).Scaling, null, module);
                    RequireEqual(DenseSvd.Truncate(dense, pair.Outputs, Different.Of(c).Rank), begun, 1e-6);
                }
            }
        }
    }

    [Fact]
    public void Combine_FlexLoraOfASumThatFits_IsExact()
    {
        // One member of the global rank: the sum has rank 3 at most.
        var round = new LoraRound(new FlexLora(Equal), Equal, LoraRound.Beginning(3), clients: 1);
        GlobalState next = round.Next();
        RequireEqual(round.MeanOfMerged(LoraRound.First), LoraRound.Merged(next.Adapter, 2, null, LoraRound.First), 1e-6);
    }

    [Fact]
    public void Combine_FlexLoraOfRankBelowTheAdapters_LeavesEveryComponentAbleToLearn()
    {
        // Only client 0, of rank 1, is a member: B's other columns are zero, and A's rows stay orthonormal.
        var round = new LoraRound(new FlexLora(Different), Different, LoraRound.Beginning(3), clients: 1);
        GlobalState next = round.Next();
        LoraPair pair = LoraNames.PairOf(next.Adapter.Layout, LoraRound.First);
        float[] a = next.Adapter[pair.A].ToArray();
        float[] b = next.Adapter[pair.B].ToArray();
        for (int k = 0; k < 3; k++)
        {
            for (int l = 0; l <= k; l++)
            {
                double dot = Enumerable.Range(0, pair.Inputs).Sum(i => (double)a[(k * pair.Inputs) + i] * a[(l * pair.Inputs) + i]);
                Assert.Equal(k == l ? 1 : 0, dot, 1e-6);
            }

            double length = Enumerable.Range(0, pair.Outputs).Sum(o => (double)b[(o * 3) + k] * b[(o * 3) + k]);
            Assert.True(k == 0 ? length > 1e-3 : length < 1e-12);
        }
    }

    [Fact]
    public void Combine_FedSa_MovesOnlyA()
    {
        var round = new LoraRound(new FedSaLora(), Equal, LoraRound.Beginning(3), clients: 3);
        GlobalState next = round.Next();
        double[] shares = round.Updates.Shares();
        foreach (LoraPair pair in LoraNames.Pairs(next.Adapter.Layout))
        {
            Assert.All(next.Adapter[pair.B].ToArray(), v => Assert.Equal(0, v));
            for (int i = 0; i < pair.A.Count; i++)
            {
                Assert.Equal(shares.Select((p, c) => p * round.Trained[c][pair.A][i]).Sum(), next.Adapter[pair.A][i], 1e-6);
            }
        }
    }

    [Fact]
    public void Combine_HetLora_FollowsTheFormulaWrittenOut()
    {
        var round = new LoraRound(new HetLora(Different), Different, LoraRound.Beginning(3), clients: 4);
        GlobalState next = round.Next();

        // p_i from the dense products' Frobenius norms over both modules.
        double[] norms = [.. round.Trained.Select((t, c) => Math.Sqrt(new[] { LoraRound.First, LoraRound.Second }
            .Sum(m => LoraRound.Merged(t, Different.Of(c).Scaling, null, m).Sum(v => v * v))))];
        foreach (LoraPair pair in LoraNames.Pairs(next.Adapter.Layout))
        {
            for (int k = 0; k < 3; k++)
            {
                RequireEqual(
                    Mean(pair.Inputs, (t, own, i, _) => t[own.A][(k * own.Inputs) + i]),
                    [.. next.Adapter[pair.A].Slice(k * pair.Inputs, pair.Inputs).ToArray().Select(v => (double)v)], 1e-6);
                float[] b = next.Adapter[pair.B].ToArray();
                RequireEqual(
                    Mean(pair.Outputs, (t, own, o, scaling) => t[own.B][(o * own.Rank) + k] * scaling / 2),
                    [.. Enumerable.Range(0, pair.Outputs).Select(o => (double)b[(o * 3) + k])], 1e-6);

                double[] Mean(int length, Func<Numerics.TensorSet, LoraPair, int, double, double> value) =>
                [
                    .. Enumerable.Range(0, length).Select(i => Enumerable.Range(0, 4).Sum(c => k < Different.Of(c).Rank
                        ? norms[c] / norms.Sum() * value(round.Trained[c], LoraNames.PairOf(round.Trained[c].Layout, pair.Module), i, Different.Of(c).Scaling)
                        : 0)),
                ];
            }
        }
    }

    [Fact]
    public void ForClient_HetLora_KeepsTheFirstComponentsOfTheProduct()
    {
        // Client 0: rank 1, scaling 4. Its product is the first component of the global one.
        GlobalState state = new LoraRound(new HetLora(Different), Different, LoraRound.Beginning(3), clients: 4).Next();
        Numerics.TensorSet begun = new HetLora(Different).ForClient(state.Adapter, 0);
        LoraPair pair = LoraNames.PairOf(state.Adapter.Layout, LoraRound.First);
        double[] merged = LoraRound.Merged(begun, 4, null, LoraRound.First);
        for (int o = 0; o < pair.Outputs; o++)
        {
            for (int i = 0; i < pair.Inputs; i++)
            {
                Assert.Equal(2.0 * state.Adapter[pair.B][o * 3] * state.Adapter[pair.A][i], merged[(o * pair.Inputs) + i], 1e-6);
            }
        }
    }

    [Fact]
    public void Combine_HetLoraWhereNobodyLearned_WeighsAllAlike()
    {
        // B is zero and stays so where A alone moves: every norm is zero.
        var round = new LoraRound(new FrozenB(new HetLora(Equal)), Equal, LoraRound.Beginning(3), clients: 2);
        GlobalState next = round.Next();
        LoraPair pair = LoraNames.PairOf(next.Adapter.Layout, LoraRound.First);
        Assert.Equal((round.Trained[0][pair.A][0] + round.Trained[1][pair.A][0]) / 2, next.Adapter[pair.A][0], 1e-6);
    }

    private static void RequireEqual(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }
}
