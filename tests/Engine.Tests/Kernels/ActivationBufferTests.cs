using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Tests.Kernels;

public sealed unsafe class ActivationBufferTests
{
    [Fact]
    public void Ensure_GrowsAgain_LeavesRoomForMoreButNeverMoves()
    {
        var buffer = new ActivationBuffer();
        float* first = buffer.Ensure(1_000);
        Assert.Equal((0u, 1_000), ((uint)first % 64, buffer.Capacity));
        Assert.True(first == buffer.Ensure(1_000));

        float* second = buffer.Ensure(1_001);
        Assert.Equal((0u, 1_501), ((uint)second % 64, buffer.Capacity));
        Assert.True(second == buffer.Ensure(1_501));
        Assert.Equal(1_501, buffer.Span(1_501).Length);
    }

    [Fact]
    public void Ensure_MoreThanAnArrayHolds_Throws()
    {
        var buffer = new ActivationBuffer();
        Assert.Throws<OverflowException>(() => buffer.Ensure(1L << 31));
        buffer.Ensure(1);
        Assert.Throws<OverflowException>(() => buffer.Ensure(1L << 31));
    }
}
