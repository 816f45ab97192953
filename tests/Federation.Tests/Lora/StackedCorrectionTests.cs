using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Lora;

public sealed class StackedCorrectionTests
{
    private static readonly LoraShapes Shapes = new(new LoraShape(3, 6));

    [Fact]
    public void Combine_Flora_StacksWhatFitsAndFoldsTheRest()
    {
        var flora = new Flora(Shapes, seed: 9);
        GlobalState one = new LoraRound(flora, Shapes, LoraRound.Beginning(3), clients: 2).Next();
        Assert.Equal([(6, 6), (6, 6)], Ranks(one.BaseCorrection!));

        // 6 + 3: above min(7, 11) = 7 for q_proj and min(13, 6) = 6 for down_proj.
        GlobalState two = new LoraRound(flora, Shapes, one, clients: 1).Next();
        Assert.Equal([(6, 6), (7, 7)], Ranks(two.BaseCorrection!));

        // q_proj has fewer outputs than inputs, down_proj the reverse: the identity is on the short side.
        RequireIdentity(two.BaseCorrection![LoraRound.First + ".lora_B.weight"], 7);
        RequireIdentity(two.BaseCorrection![LoraRound.Second + ".lora_A.weight"], 6);
    }

    [Fact]
    public void Combine_Flora_BeginsTheNextRoundAfresh()
    {
        GlobalState state = LoraRound.Beginning(3);
        GlobalState next = new LoraRound(new Flora(Shapes, seed: 9), Shapes, state, clients: 2).Next();
        Assert.Equal(FreshAdapter.Draw(state.Adapter.Layout, 9, 1).Values, next.Adapter.Values);
        Assert.NotEqual(FreshAdapter.Draw(state.Adapter.Layout, 9, 2).Values, next.Adapter.Values);
        Assert.NotEqual(FreshAdapter.Draw(state.Adapter.Layout, 8, 1).Values, next.Adapter.Values);
        foreach (LoraPair pair in LoraNames.Pairs(next.Adapter.Layout))
        {
            Assert.All(next.Adapter[pair.B].ToArray(), v => Assert.Equal(0, v));
            float bound = 1 / MathF.Sqrt(pair.Inputs);
            Assert.All(next.Adapter[pair.A].ToArray(), v => Assert.InRange(v, -bound, bound));
            Assert.True(next.Adapter[pair.A].ToArray().Max(MathF.Abs) > bound / 2);
        }
    }

    [Fact]
    public void Join_AdapterAndCorrection_IsOneAdapterOfTheirSum()
    {
        // FedEx: stacks of (2 + 1) · 3 = 9, folded to 7 and 6; joined ranks 3 + 7 for both, zeros filling up.
        GlobalState state = new LoraRound(new FedExLora(Shapes), Shapes, LoraRound.Beginning(3), clients: 2).Next();
        TensorSet joined = StackedCorrection.Join(state.Adapter, 2, state.BaseCorrection!);
        Assert.All(LoraNames.Pairs(joined.Layout), p => Assert.Equal(10, p.Rank));
        foreach (string module in new[] { LoraRound.First, LoraRound.Second })
        {
            double[] expected = LoraRound.Merged(state.Adapter, 2, state.BaseCorrection, module);
            double[] actual = LoraRound.Merged(joined, 1, null, module);
            Assert.Equal(expected.Length, actual.Length);
            Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-6));
        }
    }

    private static (int, int)[] Ranks(TensorSet correction) =>
        [.. LoraNames.Pairs(correction.Layout).Select(p => (p.A.Shape[0], p.B.Shape[1]))];

    private static void RequireIdentity(ReadOnlySpan<float> matrix, int size)
    {
        for (int i = 0; i < size * size; i++)
        {
            Assert.Equal(i / size == i % size ? 1f : 0f, matrix[i]);
        }
    }
}
