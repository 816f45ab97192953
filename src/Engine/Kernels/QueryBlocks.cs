using System.Runtime.Intrinsics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// One or two vectors of successive queries and the products they have with keys and values. The second vector's queries see all own keys, the first one's all but the
/// last, which are the second's own positions. Products over the keys that both see are done for both at once.
/// </summary>
/// <param name="rows">Queries, at most 32.</param>
/// <param name="shared">Keys of the shared prefix.</param>
/// <param name="own">Own keys, the last of which is the last query's position.</param>
internal readonly unsafe struct QueryBlocks(int rows, int shared, int own)
{
    private const int Rows = Lanes.Width;

    private readonly int _shared = shared;
    private readonly int _firstOwn = own - Math.Max(rows - Rows, 0);

    /// <summary>Queries of the first vector.</summary>
    public int FirstRows { get; } = Math.Min(rows, Rows);

    /// <summary>Queries of the second vector, 0 where there is none.</summary>
    public int SecondRows { get; } = Math.Max(rows - Rows, 0);

    /// <summary>Keys of the first vector's queries.</summary>
    public int FirstKeys => _shared + _firstOwn;

    /// <summary>Where the second vector's matrix begins, behind the first one's.</summary>
    public nint Second => FirstKeys * (nint)Rows;

    /// <summary>Elements of both matrices.</summary>
    public nint Length => Second + (SecondRows > 0 ? Second + (SecondRows * (nint)Rows) : 0);

    private nint OwnAt => _shared * (nint)Rows;

    /// <summary>to [2,d,16] from the queries' rows.</summary>
    public void Turn(float* from, nint width, int size, float* to)
    {
        LaneTransposition.Turn(from, width, FirstRows, size, to);
        if (SecondRows > 0)
        {
            LaneTransposition.Turn(from + (Rows * width), width, SecondRows, size, to + (size * Rows));
        }
    }

    /// <summary>The queries' rows from [2,d,16].</summary>
    public void TurnBack(float* from, int size, float* to, nint width)
    {
        LaneTransposition.TurnBack(from, FirstRows, size, to, width);
        if (SecondRows > 0)
        {
            LaneTransposition.TurnBack(from + (size * Rows), SecondRows, size, to + (Rows * width), width);
        }
    }

    /// <summary>s[j] = Σ_c x[c]·y[j,c] for all keys, x [2,d,16].</summary>
    public void Products(float* x, int size, float* prefix, float* keys, nint width, float* s)
    {
        if (SecondRows == 0)
        {
            LaneProducts.Products(x, size, prefix, width, _shared, s);
            LaneProducts.Products(x, size, keys, width, _firstOwn, s + OwnAt);
            return;
        }

        float* x1 = x + (size * Rows);
        float* s1 = s + Second;
        LanePairs.Products(x, x1, size, prefix, width, _shared, s, s1);
        LanePairs.Products(x, x1, size, keys, width, _firstOwn, s + OwnAt, s1 + OwnAt);
        LaneProducts.Products(x1, size, keys + (_firstOwn * width), width, SecondRows, s1 + Second);
    }

    /// <summary>to [2,d,16]: to[c] = Σ_j (weights[j]·factor)·y[j,c] over all keys.</summary>
    public void WeightedSum(
        float* weights, Vector512<float> factor, Vector512<float> secondFactor, float* prefix, float* keys, nint width, int size, float* to)
    {
        if (SecondRows == 0)
        {
            LaneProducts.WeightedSum(weights, _shared, factor, prefix, width, size, to, resume: false);
            LaneProducts.WeightedSum(weights + OwnAt, _firstOwn, factor, keys, width, size, to, resume: true);
            return;
        }

        float* to1 = to + (size * Rows);
        float* weights1 = weights + Second;
        LanePairs.WeightedSum(weights, weights1, _shared, factor, secondFactor, prefix, width, size, to, to1, resume: false);
        LanePairs.WeightedSum(weights + OwnAt, weights1 + OwnAt, _firstOwn, factor, secondFactor, keys, width, size, to, to1, resume: true);
        LaneProducts.WeightedSum(weights1 + Second, SecondRows, secondFactor, keys + (_firstOwn * width), width, size, to1, resume: true);
    }

    /// <summary>to[j,c] += Σ_i weights[j,i]·x[i,c] for all keys, the first vector's queries first.</summary>
    public void AddOuter(float* weights, float* x, nint xWidth, int size, float* prefix, float* keys, nint width)
    {
        var both = new OuterProducts(x, xWidth, FirstRows, SecondRows, Second);
        both.AddTo(prefix, width, _shared, size, weights);
        both.AddTo(keys, width, _firstOwn, size, weights + OwnAt);
        if (SecondRows > 0)
        {
            new OuterProducts(x + (Rows * xWidth), xWidth, SecondRows).AddTo(keys + (_firstOwn * width), width, SecondRows, size, weights + Second + Second);
        }
    }
}
