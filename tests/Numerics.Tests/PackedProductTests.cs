namespace FedLLM.Numerics.Tests;

/// <summary>Products whose right operand, or result, is in the packed order: the bits of the products they stand for.</summary>
public sealed unsafe class PackedProductTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 8, 3)]
    [InlineData(40, 9, 30)]
    [InlineData(30, 17, 400)]
    [InlineData(384, 250, 31)]
    [InlineData(50, 1700, 800)]
    [InlineData(12, 40, 30)]
    [InlineData(31, 100, 25)]
    [InlineData(100, 33, 401)]
    [InlineData(288, 128, 384)]
    [InlineData(1600, 48, 20)]
    public void MultiplyPacked_AnyShapeAndLayout_HasTheBitsOfTheProduct(int m, int n, int k)
    {
        using var workers = new Workers(2);
        float[] a = GemmTests.Values(m * k, 1);
        ushort[] narrowA = new ushort[a.Length];
        float[] b = GemmTests.Values(n * k, 2);
        float[] packed = new float[Gemm.PackedLength(n, k)];
        BFloat16.Narrow(a, narrowA);
        BFloat16.Widen(narrowA, a);
        for (int layout = 0; layout < 8; layout++)
        {
            (nint bRow, nint bColumn) = layout % 2 == 0 ? ((nint)n, (nint)1) : (1, k);
            (nint aRow, nint aColumn) = layout < 4 ? ((nint)k, (nint)1) : (1, m);
            Workers? team = layout % 4 < 2 ? null : workers;
            float[] expected = GemmTests.Values(m * n, 3);
            float[] actual = GemmTests.Values(m * n, 3);
            float[] narrow = GemmTests.Values(m * n, 3);
            fixed (float* pa = a, pb = b, pp = packed, pe = expected, pc = actual, pn = narrow)
            {
                fixed (ushort* ph = narrowA)
                {
                    Gemm.Multiply(team, m, n, k, pa, aRow, aColumn, pb, bRow, bColumn, pe, n, accumulate: layout > 0);
                    Gemm.Pack(n, k, pb, bRow, bColumn, pp);
                    Gemm.MultiplyPacked(team, m, n, k, pa, aRow, aColumn, pp, pc, n, accumulate: layout > 0, next: layout % 3 == 0 ? default : b);
                    Gemm.MultiplyPacked(team, m, n, k, ph, aRow, aColumn, pp, pn, n, accumulate: layout > 0);
                }
            }

            Assert.Equal(expected, actual);
            Assert.Equal(expected, narrow);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(13, 64, 30)]
    [InlineData(384, 70, 20)]
    [InlineData(40, 33, 800)]
    [InlineData(100, 1700, 21)]
    public void MultiplyIntoPacked_AnyShape_IsTheProductPacked(int m, int n, int k)
    {
        float[] a = GemmTests.Values(m * k, 1);
        float[] b = GemmTests.Values(n * k, 2);
        float[] c = new float[m * n];
        float[] packed = new float[Gemm.PackedLength(n, k)];
        float[] expected = new float[Gemm.PackedLength(n, m)];
        float[] actual = [.. Enumerable.Repeat(7f, expected.Length)];
        ushort[] narrowA = new ushort[a.Length];
        float[] narrow = [.. Enumerable.Repeat(8f, expected.Length)];
        BFloat16.Narrow(a, narrowA);
        BFloat16.Widen(narrowA, a);
        fixed (float* pa = a, pb = b, pc = c, pp = packed, pe = expected, pr = actual, pn = narrow)
        {
            fixed (ushort* ph = narrowA)
            {
                Gemm.Multiply(null, m, n, k, pa, k, 1, pb, n, 1, pc, n, false);
                Gemm.Pack(n, m, pc, n, 1, pe);
                Gemm.Pack(n, k, pb, n, 1, pp);
                Gemm.MultiplyIntoPacked(m, n, k, pa, k, 1, pp, pr);
                Gemm.MultiplyIntoPacked(m, n, k, ph, k, 1, pp, pn);
            }
        }

        Assert.Equal(expected, actual);
        Assert.Equal(expected, narrow);
    }

    [Fact]
    public void MultiplyIntoPacked_MoreRowsThanABlock_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Gemm.MultiplyIntoPacked(Gemm.PackedRows + 1, 1, 1, (float*)null, 1, 1, null, null));
}
