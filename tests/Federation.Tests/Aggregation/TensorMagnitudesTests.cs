using FedLLM.Federation.Aggregation;

namespace FedLLM.Federation.Tests.Aggregation;

public sealed class TensorMagnitudesTests
{
    [Fact]
    public void Of_EveryPlace_FindsTheLargest()
    {
        for (int place = 0; place < 37; place++)
        {
            float[] values = [.. Enumerable.Repeat(0.5f, 37)];
            values[place] = -0.75f;
            Assert.Equal(0.75f, TensorMagnitudes.Of(values));
            values[place] = float.NegativeInfinity;
            Assert.Equal(float.PositiveInfinity, TensorMagnitudes.Of(values));
            values[place] = float.NaN;
            Assert.True(float.IsNaN(TensorMagnitudes.Of(values)));
        }
    }

    [Fact]
    public void Of_Nothing_IsZero() => Assert.Equal(0f, TensorMagnitudes.Of(ReadOnlySpan<float>.Empty));

    [Fact]
    public void Of_TensorSet_GoesInTheLayoutsOrder()
    {
        var deltas = new Deltas(1, 3);
        deltas.Tensors[0]["a"].Fill(-2f);
        deltas.Tensors[0]["b"].Fill(1f);
        Assert.Equal([2f, 1f], TensorMagnitudes.Of(deltas.Tensors[0]));
    }
}
