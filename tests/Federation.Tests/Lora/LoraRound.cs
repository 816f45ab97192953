using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Tests.Twins;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Lora;

/// <summary>
/// One round of made-up clients: each begins with the adapter that the method gives it and moves the factors it trains at random.
/// Two modules: 11 → 7 and 6 → 13.
/// </summary>
internal sealed class LoraRound
{
    public const string First = "model.layers.0.self_attn.q_proj";
    public const string Second = "model.layers.0.mlp.down_proj";

    private readonly MemoryTensorStore _store = new();

    public LoraRound(ILoraAggregation aggregation, LoraShapes shapes, GlobalState state, int clients, ulong seed = 1)
    {
        (Aggregation, Shapes, State, Round) = (aggregation, shapes, state, state.Round + 1);
        var receipts = new List<ClientReceipt>();
        for (int c = 0; c < clients; c++)
        {
            TensorSet begun = aggregation.ForClient(state.Adapter, c);
            TensorSet trained = Overlay(begun, Noise(LoraNames.Part(begun.Layout, aggregation.Trained(Round)), seed, Round, c));
            Trained.Add(trained);
            TensorLayout uploaded = LoraNames.Part(begun.Layout, aggregation.Uploaded(Round));
            TensorSet delta = TensorParts.Extract(trained, uploaded);
            for (int i = 0; i < delta.Values.Length; i++)
            {
                delta.Values[i] -= TensorParts.Extract(begun, uploaded).Values[i];
            }

            receipts.Add(new ClientReceipt(c, _store.Put(delta), 10 + (7 * c), TensorMagnitudes.Of(delta), new ClientMetrics(1, 1, 1)));
        }

        Updates = new MemberUpdates(receipts, MemberWeighting.Samples, _store);
    }

    public ILoraAggregation Aggregation { get; }

    public LoraShapes Shapes { get; }

    public GlobalState State { get; }

    public int Round { get; }

    public MemberUpdates Updates { get; }

    /// <summary>The clients' adapters after training, by id.</summary>
    public List<TensorSet> Trained { get; } = [];

    public static TensorLayout Layout(int rank) => new(
    [
        (First + ".lora_A.weight", [rank, 11]), (First + ".lora_B.weight", [7, rank]),
        (Second + ".lora_A.weight", [rank, 6]), (Second + ".lora_B.weight", [13, rank]),
    ]);

    /// <summary>A state before round 1, A random and B zero.</summary>
    public static GlobalState Beginning(int rank)
    {
        TensorSet noise = Noise(LoraNames.Part(Layout(rank), LoraFactors.A), 77, 0, 0);
        return new GlobalState(0, Overlay(new TensorSet(Layout(rank)), noise), new Dictionary<string, TensorSet>(), 0);
    }

    /// <summary>Combines and steps as the run loop does, with FedAvg.</summary>
    public GlobalState Next()
    {
        Combined combined = Aggregation.Combine(Round, State, Updates, CancellationToken.None);
        TensorSet adapter = combined.Adapter
            ?? TensorParts.Step(new FedAvg(), Round - 1, State.Adapter, new MeanUpdate(combined.MeanDelta!, Trained.Count), State.ServerState).Adapter;
        return State with { Round = Round, Adapter = adapter, BaseCorrection = combined.BaseCorrection };
    }

    /// <summary>The mean of what the clients' merged weights add to the base, by their weights, in float64.</summary>
    public double[] MeanOfMerged(string module)
    {
        double[] shares = Updates.Shares();
        var mean = new double[LoraNames.PairOf(State.Adapter.Layout, module) is { } p ? p.Outputs * p.Inputs : 0];
        for (int c = 0; c < Trained.Count; c++)
        {
            double[] merged = Merged(Trained[c], Shapes.Of(c).Scaling, State.BaseCorrection, module);
            for (int i = 0; i < mean.Length; i++)
            {
                mean[i] += shares[c] * merged[i];
            }
        }

        return mean;
    }

    /// <summary>What an adapter and a correction add to the base, row-major [out, in], in float64.</summary>
    public static double[] Merged(TensorSet adapter, double scaling, TensorSet? correction, string module)
    {
        double[] sum = Product(adapter, scaling, module);
        double[] corrected = correction is null ? new double[sum.Length] : Product(correction, 1, module);
        return [.. sum.Zip(corrected, (x, y) => x + y)];
    }

    private static double[] Product(TensorSet factors, double scaling, string module)
    {
        LoraPair pair = LoraNames.PairOf(factors.Layout, module);
        var product = new double[pair.Outputs * pair.Inputs];
        for (int o = 0; o < pair.Outputs; o++)
        {
            for (int i = 0; i < pair.Inputs; i++)
            {
                for (int k = 0; k < pair.Rank; k++)
                {
                    product[(o * pair.Inputs) + i] += scaling * factors[pair.B][(o * pair.Rank) + k] * factors[pair.A][(k * pair.Inputs) + i];
                }
            }
        }

        return product;
    }

    private static TensorSet Noise(TensorLayout layout, ulong seed, int round, int client)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration, round, client);
        return new TensorSet(layout, [.. Enumerable.Range(0, layout.Count).Select(i => random.Uniform((ulong)i) - 0.5f)]);
    }

    private static TensorSet Overlay(TensorSet whole, TensorSet part) => TensorParts.Overlay(whole, part);
}
