namespace FedLLM.Numerics.Tests;

public sealed unsafe class BFloat16Tests
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 8, 12, 13, 16, 17, 24, 25, 31, 33, 64, 97, 130];

    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 1, 300, 500 }, { 1, 33, 17 }, { 2, 100, 1000 }, { 16, 40, 400 }, { 17, 40, 400 }, { 130, 8, 70 }, { 40, 1, 33 }, { 401, 401, 401 }, { 64, 1000, 48 }, { 20, 1040, 508 },
    };

    [Fact]
    public void Widen_EveryBitPattern_IsTheUpperHalfOfAFloat32()
    {
        ushort[] narrow = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
        float[] wide = new float[narrow.Length];
        BFloat16.Widen(narrow, wide);
        for (int i = 0; i < narrow.Length; i++)
        {
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(wide[i]));
        }
    }

    [Fact]
    public void Narrow_WidenedPatterns_GivesThemBackWithNaNsQuiet()
    {
        ushort[] narrow = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
        float[] wide = new float[narrow.Length];
        ushort[] back = new ushort[narrow.Length];
        BFloat16.Widen(narrow, wide);
        BFloat16.Narrow(wide, back);
        for (int i = 0; i < narrow.Length; i++)
        {
            Assert.Equal(float.IsNaN(wide[i]) ? i | 0x40 : i, back[i]);
        }
    }

    [Fact]
    public void Narrow_BetweenTwoNeighbours_TakesTheNearerAndTheEvenOfATie()
    {
        // Between two neighbouring bfloat16 lie 65536 float32; the middle one is the tie.
        for (uint neighbour = 0; neighbour < 0x7F80; neighbour += 37)
        {
            foreach (uint sign in (uint[])[0, 0x8000])
            {
                uint bits = (sign | neighbour) << 16;
                Assert.Equal(sign | neighbour, Narrow(bits + 1));
                Assert.Equal(sign | neighbour, Narrow(bits + 0x7FFF));
                Assert.Equal(sign | (neighbour + (neighbour & 1)), Narrow(bits + 0x8000));
                Assert.Equal(sign | (neighbour + 1), Narrow(bits + 0x8001));
                Assert.Equal(sign | (neighbour + 1), Narrow(bits + 0xFFFF));
            }
        }
    }

    [Fact]
    public void Narrow_AnyLength_RoundsEveryElementAlike()
    {
        var random = new CounterRandom(7, RandomPurpose.DataGeneration);
        for (int length = 0; length < 100; length++)
        {
            float[] values = new float[length];
            ushort[] narrow = new ushort[length + 1];
            for (int i = 0; i < length; i++)
            {
                values[i] = BitConverter.UInt32BitsToSingle(random.Bits((ulong)((length * 100) + i)));
            }

            BFloat16.Narrow(values, narrow);
            Assert.Equal(0, narrow[length]);
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(Narrow(BitConverter.SingleToUInt32Bits(values[i])), narrow[i]);
            }
        }
    }

    [Fact]
    public void Conversions_DestinationTooShort_Throw()
    {
        Assert.Throws<ArgumentException>(() => BFloat16.Widen(new ushort[3], new float[2]));
        Assert.Throws<ArgumentException>(() => BFloat16.Narrow(new float[3], new ushort[2]));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_TypicalShapes_HasTheBitsOfTheWidenedProduct(int m, int n, int k)
    {
        for (int threads = 1; threads <= 4; threads++)
        {
            using var workers = new Workers(threads);
            for (int layout = 0; layout < 9; layout++)
            {
                AssertAsWidened(workers, m, n, k, layout / 3, layout % 3, layout, layout % 2 == 0, layout);
            }
        }
    }

    [Fact]
    public void Multiply_RandomShapesStridesAndTeams_HasTheBitsOfTheWidenedProduct()
    {
        using var two = new Workers(2);
        using var three = new Workers(3);
        using var four = new Workers(4);
        Workers?[] teams = [null, two, three, four];
        for (int trial = 0; trial < 400; trial++)
        {
            var random = new CounterRandom(6, RandomPurpose.DataGeneration, 0, 0, trial);
            int m = Sizes[random.Bits(0) % Sizes.Length];
            int n = Sizes[random.Bits(1) % Sizes.Length];
            int k = Sizes[random.Bits(2) % Sizes.Length] * (random.Bits(3) % 8 == 0 ? 9 : 1);
            AssertAsWidened(teams[random.Bits(4) % 4], m, n, k, (int)(random.Bits(5) % 3), (int)(random.Bits(6) % 3), (int)(random.Bits(7) % 5), random.Bits(8) % 2 == 0, trial);
        }
    }

    [Fact]
    public void Multiply_InfinitiesNaNsAndDenormals_HasTheBitsOfTheWidenedProduct()
    {
        // One special value in each column, so that no sum meets two NaNs.
        const int N = 40, K = 60;
        ushort[] special = [0x7F80, 0xFF80, 0x7FC0, 0x0001, 0x8001, 0x0000, 0x8000, 0x7F7F];
        ushort[] b = Narrowed(N * K, 3);
        for (int j = 0; j < N; j++)
        {
            b[(j * K) + (j % K)] = special[j % special.Length];
        }

        foreach (int m in (int[])[1, 5, 30])
        {
            AssertSameBits(null, m, N, K, Values(m * K, 4), (K, 1), b, (1, K), new float[m * N], N, accumulate: false, $"{m} rows");
        }
    }

    // Layouts: 0 row-major (the input gradient's B), 1 column-major (the forward product's), 2 both strides above 1.
    private static void AssertAsWidened(Workers? workers, int m, int n, int k, int layoutA, int layoutB, int gap, bool accumulate, int seed)
    {
        var (aRow, aColumn, aLength) = Layout(m, k, layoutA, gap);
        var (bRow, bColumn, bLength) = Layout(k, n, layoutB, gap);
        int cRow = n + gap;
        AssertSameBits(
            workers, m, n, k, Values(aLength, seed), (aRow, aColumn), Narrowed(bLength, seed + 1000), (bRow, bColumn), Values((m * cRow) + 16, seed + 2000), cRow, accumulate,
            $"{m}x{n}x{k} layouts {layoutA},{layoutB} gap {gap} accumulate {accumulate} threads {workers?.Count}");
    }

    private static void AssertSameBits(
        Workers? workers, int m, int n, int k, float[] a, (nint Row, nint Column) aStrides, ushort[] b, (nint Row, nint Column) bStrides, float[] c, int cRow, bool accumulate, string where)
    {
        float[] wide = new float[b.Length];
        BFloat16.Widen(b, wide);
        float[] expected = (float[])c.Clone();
        fixed (float* pa = a, pWide = wide, pExpected = expected, pc = c)
        {
            fixed (ushort* pb = b)
            {
                Gemm.Multiply(null, m, n, k, pa, aStrides.Row, aStrides.Column, pWide, bStrides.Row, bStrides.Column, pExpected, cRow, accumulate);
                Gemm.Multiply(workers, m, n, k, pa, aStrides.Row, aStrides.Column, pb, bStrides.Row, bStrides.Column, pc, cRow, accumulate);
            }
        }

        for (int i = 0; i < c.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(c[i]),
                $"{where}: element {i} of row length {cRow} is {c[i]:R}, not {expected[i]:R}.");
        }
    }

    private static (int Row, int Column, int Length) Layout(int rows, int columns, int layout, int gap) => layout switch
    {
        0 => (columns + gap, 1, ((rows - 1) * (columns + gap)) + columns),
        1 => (1, rows + gap, ((columns - 1) * (rows + gap)) + rows),
        _ => (2 * (columns + gap), 2, ((rows - 1) * 2 * (columns + gap)) + (2 * columns)),
    };

    // By arithmetic of its own: the nearer of the two neighbours in float64, the even one at a tie, ∞ beyond the largest.
    private static uint Narrow(uint bits)
    {
        ushort[] result = new ushort[32];
        float value = BitConverter.UInt32BitsToSingle(bits);
        BFloat16.Narrow(Enumerable.Repeat(value, 32).ToArray(), result);
        uint down = bits >> 16;
        uint expected = down;
        if (float.IsNaN(value))
        {
            expected |= 0x40;
        }
        else if ((down & 0x7FFF) < 0x7F80)
        {
            double below = Wide(down);
            double above = (down & 0x7FFF) == 0x7F7F ? below * 2 / (2 - Math.Pow(2, -7)) : Wide(down + 1);
            double fromBelow = Math.Abs(value - below);
            double fromAbove = Math.Abs(above - value);
            expected = fromBelow < fromAbove || (fromBelow == fromAbove && down % 2 == 0) ? down : down + 1;
        }

        Assert.All(result, r => Assert.Equal(expected, r));
        return result[0];
    }

    private static double Wide(uint bits) => BitConverter.UInt32BitsToSingle(bits << 16);

    private static ushort[] Narrowed(int length, int stream)
    {
        ushort[] narrow = new ushort[length];
        BFloat16.Narrow(Values(length, stream), narrow);
        return narrow;
    }

    private static float[] Values(int length, int stream)
    {
        var random = new CounterRandom(3, RandomPurpose.DataGeneration, stream);
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (random.Uniform((ulong)i) * 2) - 1;
        }

        return values;
    }
}
