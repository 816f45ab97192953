using FedLLM.Experiments.Running;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>
/// Exact aggregations in whole runs: what is added to the base weights after a round, multiplied out in float64 from the files, is the weighted mean of what each member
/// would have added; and for one that is not exact, it is not.
/// </summary>
public sealed class ExactAggregationTests : IDisposable
{
    private const int Rank = 8; // the demo's, alpha 16

    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("flora", true)]
    [InlineData("flora", true, DemoAssets.Ranks)]
    [InlineData("fedex", true)]
    [InlineData("ffa", true)]
    [InlineData("rolora", true)]
    [InlineData("average", false)]
    public async Task Run_MergedWeights_AreTheWeightedMeanOfTheClients(string aggregation, bool exact, string? further = null)
    {
        string[] overrides =
        [
            $"federation.lora_aggregation={aggregation}", "federation.clients_per_round=5", "federation.rounds=2", "training.max_steps=3", "training.batch_size=2",
            "checkpoint.keep_updates=true", "checkpoint.keep=9", "evaluation.data=none", .. further is null ? Array.Empty<string>() : [further],
        ];
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment(overrides));
        RunResult run = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, "run"), [], default);
        ILoraAggregation method = LoraAggregations.For(prepared.Experiment.Federation.LoraAggregation, prepared.Experiment.Lora, (ulong)prepared.Experiment.Seed);
        var left = new LeftBehind(run.Directory);
        double worst = 0;
        for (int round = 1; round <= 2; round++)
        {
            GlobalState before = left.State(round - 1);
            GlobalState after = left.State(round);
            double total = left.Members(round).Sum(m => m.Weight);
            foreach (LoraPair module in LoraNames.Pairs(after.Adapter.Layout))
            {
                double[] merged = Added(after.Adapter, after.BaseCorrection, Rank, module.Module);
                var mean = new double[merged.Length];
                foreach (var member in left.Members(round))
                {
                    int rank = prepared.Experiment.Lora.RankByClient.Where(r => r.Key == member.Client).Select(r => r.Value).SingleOrDefault(Rank);
                    TensorSet own = LeftBehind.Plus(method.ForClient(before.Adapter, member.Client), left.Update(round, member.Client));
                    double[] added = Added(own, before.BaseCorrection, rank, module.Module);
                    for (int i = 0; i < mean.Length; i++)
                    {
                        mean[i] += member.Weight / total * added[i];
                    }
                }

                double scale = mean.Max(Math.Abs);
                worst = Math.Max(worst, merged.Zip(mean, (m, e) => Math.Abs(m - e)).Max() / scale);
            }
        }

        if (exact)
        {
            Assert.InRange(worst, 0, 2e-6);
        }
        else
        {
            Assert.InRange(worst, 1e-4, 1);
        }
    }

    // Σ (alpha/r)·B·A of the adapter plus the correction's B·A, [out, in], in float64.
    private static double[] Added(TensorSet adapter, TensorSet? correction, int rank, string module)
    {
        double[] product = Product(adapter, module, 16.0 / rank);
        return correction is null ? product : [.. product.Zip(Product(correction, module, 1), (x, y) => x + y)];
    }

    private static double[] Product(TensorSet factors, string module, double scaling)
    {
        LoraPair pair = LoraNames.Pairs(factors.Layout).Single(p => p.Module == module);
        float[] a = factors[pair.A].ToArray();
        float[] b = factors[pair.B].ToArray();
        int inSize = pair.A.Shape[1];
        var product = new double[pair.B.Shape[0] * inSize];
        for (int i = 0; i < product.Length; i++)
        {
            for (int r = 0; r < pair.Rank; r++)
            {
                product[i] += scaling * b[(i / inSize * pair.Rank) + r] * a[(r * inSize) + (i % inSize)];
            }
        }

        return product;
    }
}
