using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>One lane's part in a pass.</summary>
/// <param name="Rows">The lane's rows in the packed batch.</param>
/// <param name="Adapter">The lane's adapter.</param>
/// <param name="Dropout">Dropout on the adapter's inputs, or null.</param>
internal sealed record TorchLanePass(LaneRows Rows, TorchAdapter Adapter, TorchDropout? Dropout = null);

/// <summary>
/// The dropout of one lane in one micro-batch. Masks are drawn by a generator seeded anew for every linear layer, by (seed, round, client, step, micro-batch, layer): a
/// lane's masks do not depend on other lanes, and a layer computed again draws the same.
/// </summary>
internal sealed class TorchDropout(StepSettings settings, int microBatch, double probability, Generator generator)
{
    /// <summary>Probability of dropping.</summary>
    public double Probability => probability;

    /// <summary>Fills <paramref name="mask"/> with 0 and 1 / (1 - p).</summary>
    public void Draw(Tensor mask, int module)
    {
        var random = new CounterRandom(settings.Seed, RandomPurpose.Dropout, settings.Round, settings.Client, settings.Step);
        ulong position = ((ulong)microBatch << 32) | ((ulong)module << 1);
        generator.manual_seed((long)(((ulong)random.Bits(position) << 32) | random.Bits(position + 1)));
        mask.bernoulli_(1 - probability, generator).div_(1 - probability);
    }
}

/// <summary>Lanes of equal shape: their products with factors are one batched product per linear layer.</summary>
internal sealed class LaneGroup
{
    private readonly TorchLanePass[] _lanes;
    private readonly long _longest;
    private readonly long _first;
    private readonly long _count;
    private readonly Tensor? _gather;
    private readonly Tensor? _scatter;
    private readonly Tensor? _rows;

    /// <summary>Plans the products of <paramref name="lanes"/>, whose adapters have one configuration, in a pass over <paramref name="rows"/> rows.</summary>
    public LaneGroup(TorchLanePass[] lanes, int rows, Device device)
    {
        _lanes = lanes;
        _longest = lanes.Max(l => l.Rows.Count);
        _first = lanes[0].Rows.First;
        _count = lanes.Sum(l => l.Rows.Count);
        bool adjacent = lanes.Zip(lanes.Skip(1)).All(pair => pair.First.Rows.First + pair.First.Rows.Count == pair.Second.Rows.First);
        IsWhole = adjacent && _count == rows;
        if (!adjacent || lanes.Any(l => l.Rows.Count != _longest))
        {
            // Shorter lanes are filled up with their first row, whose product is not used.
            _gather = HostCopy.Indices([.. lanes.SelectMany(l => Enumerable.Range(0, (int)_longest).Select(i => l.Rows.First + (i < l.Rows.Count ? i : 0)))], device);
            _scatter = HostCopy.Indices([.. lanes.SelectMany((l, n) => Enumerable.Range(n * (int)_longest, l.Rows.Count))], device);
        }

        _rows = IsWhole ? null : HostCopy.Indices([.. lanes.SelectMany(l => Enumerable.Range(l.Rows.First, l.Rows.Count))], device);
    }

    /// <summary>Whether the group has every row of the pass, in order.</summary>
    public bool IsWhole { get; }

    /// <summary>Returns y + s·B·(A·dropout(x)) on the group's rows; y unchanged on others and where the layer has no factors.</summary>
    public Tensor Add(int layer, LinearKind kind, Tensor x, Tensor y)
    {
        if (_lanes[0].Adapter[layer, kind] is not { } factors)
        {
            return y;
        }

        Tensor input = Drop(layer, kind, x);
        if (_lanes.Length == 1)
        {
            TorchFactors own = factors;
            Tensor rows = IsWhole ? input : input.narrow(0, _first, _count);
            Tensor down = rows.matmul(own.A.to(x.dtype).t()).mul(own.Scaling); // [n,r]
            return IsWhole ? y.addmm(down, own.B.to(x.dtype).t()) : y.index_add(0, _rows!, down.matmul(own.B.to(x.dtype).t()), 1);
        }

        Tensor batch = _gather is null ? input.narrow(0, _first, _count) : input.index_select(0, _gather);
        Tensor a = stack(_lanes.Select(l => l.Adapter[layer, kind]!.A), 0).to(x.dtype); // [L,r,in]
        Tensor b = stack(_lanes.Select(l => l.Adapter[layer, kind]!.B), 0).to(x.dtype); // [L,out,r]
        Tensor products = batch.view(_lanes.Length, _longest, -1).bmm(a.transpose(1, 2)).mul(factors.Scaling).bmm(b.transpose(1, 2)); // [L,n,out]
        Tensor flat = products.view(_lanes.Length * _longest, -1);
        Tensor scattered = _scatter is null ? flat : flat.index_select(0, _scatter);
        return IsWhole ? y.add(scattered) : y.index_add(0, _rows!, scattered, 1);
    }

    private Tensor Drop(int layer, LinearKind kind, Tensor x)
    {
        if (_lanes.All(l => l.Dropout is null))
        {
            return x;
        }

        Tensor mask = ones_like(x, requires_grad: false);
        foreach (TorchLanePass lane in _lanes)
        {
            lane.Dropout?.Draw(mask.narrow(0, lane.Rows.First, lane.Rows.Count), (layer * LoraAdapter.LinearKinds) + (int)kind);
        }

        return x.mul(mask);
    }
}

/// <summary>All lanes of one pass.</summary>
internal sealed class LanePasses
{
    private readonly LaneGroup[] _groups;

    /// <summary>Groups lanes by equal rank: by the configuration of their adapters, which fixes the rank of every linear layer.</summary>
    public LanePasses(IReadOnlyList<TorchLanePass> lanes, int rows, Device device)
    {
        TorchLanePass[] active = [.. lanes.Where(l => l.Rows.Count > 0)];
        _groups = [.. active.GroupBy(l => l.Adapter.Config).Select(g => new LaneGroup([.. g], rows, device))];
        LowestLayer = active.Select(l => l.Adapter.LowestLayer).DefaultIfEmpty(int.MaxValue).Min();
    }

    /// <summary>The lowest decoder layer that carries an adapter; <see cref="int.MaxValue"/> where none does.</summary>
    public int LowestLayer { get; }

    /// <summary>Adds every lane's branch to the product of a base weight.</summary>
    public Tensor Add(int layer, LinearKind kind, Tensor x, Tensor y)
    {
        foreach (LaneGroup group in _groups)
        {
            y = group.Add(layer, kind, x, y);
        }

        return y;
    }
}
