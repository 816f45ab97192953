using FedLLM.Engine.Kernels;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>The adapter's part in one layer's pass.</summary>
internal readonly record struct LoraPass(LoraAdapter? Adapter, int Layer, DropoutStream? Dropout, LayerActivations Kept)
{
    /// <summary>Whether any of the linear layers carries an adapter.</summary>
    public bool Trains(params ReadOnlySpan<LinearKind> kinds)
    {
        foreach (LinearKind kind in kinds)
        {
            if (Adapter?.Slot(Layer, kind) is not null)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>Where gradients go: the adapter's flat buffer, or a whole layer's.</summary>
internal readonly record struct LinearGradient(float[]? Adapter, LayerWeights? Full);

/// <summary>
/// A linear layer with its optional LoRA branch: y = W·x + b + s·B·(A·dropout(x)) (Hu et al., 2021; the order of operations is PEFT's).
/// </summary>
internal sealed unsafe class LinearPass(Workers workers)
{
    private readonly ActivationBuffer _dropped = new();
    private readonly ActivationBuffer _dDown = new();
    private readonly ActivationBuffer _dDropped = new();

    /// <summary>y [T,out] from x [T,in]; keeps s·A·dropout(x) for the backward pass.</summary>
    public void Forward(LayerWeights layer, LinearKind kind, in LoraPass lora, float* x, float* y, int rows)
    {
        LinearWeights linear = layer[kind];
        int inSize = linear.InSize;
        int outSize = linear.OutSize;
        fixed (float* weight = linear.Weight, bias = linear.Bias)
        {
            Gemm.Multiply(workers, rows, outSize, inSize, x, inSize, 1, weight, 1, inSize, y, outSize, false);
            if (linear.Bias is not null)
            {
                Elementwise.AddBias(workers, bias, y, rows, outSize);
            }
        }

        if (lora.Adapter?.Slot(lora.Layer, kind) is not { } slot)
        {
            return;
        }

        int rank = slot.Rank;
        float* down = lora.Kept.LoraDown[(int)kind].Ensure((long)rows * rank); // [T,r]
        fixed (float* parameters = lora.Adapter.Parameters.Values)
        {
            float* input = Drop(lora, kind, x, rows, inSize);
            Gemm.Multiply(workers, rows, rank, inSize, input, inSize, 1, parameters + slot.A, 1, inSize, down, rank, false);
            Elementwise.Scale(down, slot.Scaling, (long)rows * rank);
            Gemm.Multiply(workers, rows, outSize, rank, down, rank, 1, parameters + slot.B, 1, rank, y, outSize, true);
        }
    }

    /// <summary>
    /// From dy [T,out]: adds the trained parameters' gradients and, where <paramref name="dx"/> [T,in] is not null, writes (or adds to) the input's.
    /// </summary>
    public void Backward(
        LayerWeights layer, LinearKind kind, in LoraPass lora, in LinearGradient into, float* x, float* dy, float* dx, int rows, bool accumulate)
    {
        LinearWeights linear = layer[kind];
        int inSize = linear.InSize;
        int outSize = linear.OutSize;
        if (into.Full is not null)
        {
            LinearWeights gradient = into.Full[kind];
            fixed (float* dWeight = gradient.Weight, dBias = gradient.Bias)
            {
                Gemm.Multiply(workers, outSize, inSize, rows, dy, 1, outSize, x, inSize, 1, dWeight, inSize, true); // dW += dyᵀ·x
                if (gradient.Bias is not null)
                {
                    Elementwise.SumColumns(workers, dy, dBias, rows, outSize);
                }
            }
        }

        if (dx is not null)
        {
            fixed (float* weight = linear.Weight)
            {
                Gemm.Multiply(workers, rows, inSize, outSize, dy, outSize, 1, weight, inSize, 1, dx, inSize, accumulate); // dx = dy·W
            }
        }

        if (lora.Adapter?.Slot(lora.Layer, kind) is { } slot && into.Adapter is not null)
        {
            BackwardLora(lora, kind, slot, into.Adapter, x, dy, dx, rows, inSize, outSize);
        }
    }

    private void BackwardLora(
        in LoraPass lora, LinearKind kind, LoraSlot slot, float[] gradient, float* x, float* dy, float* dx, int rows, int inSize, int outSize)
    {
        int rank = slot.Rank;
        float* down = lora.Kept.LoraDown[(int)kind].Pointer; // [T,r], scaled
        float* dDown = _dDown.Ensure((long)rows * rank); // [T,r]
        fixed (float* parameters = lora.Adapter!.Parameters.Values, into = gradient)
        {
            Gemm.Multiply(workers, rows, rank, outSize, dy, outSize, 1, parameters + slot.B, rank, 1, dDown, rank, false); // dy·B
            Elementwise.Scale(dDown, slot.Scaling, (long)rows * rank);
            Gemm.Multiply(workers, outSize, rank, rows, dy, 1, outSize, down, rank, 1, into + slot.B, rank, true); // dB += dyᵀ·down
            float* input = Drop(lora, kind, x, rows, inSize);
            Gemm.Multiply(workers, rank, inSize, rows, dDown, 1, rank, input, inSize, 1, into + slot.A, inSize, true); // dA += dDownᵀ·x
            if (dx is null)
            {
                return;
            }

            if (lora.Dropout is not { } dropout)
            {
                Gemm.Multiply(workers, rows, inSize, rank, dDown, rank, 1, parameters + slot.A, inSize, 1, dx, inSize, true); // dx += dDown·A
                return;
            }

            float* dDropped = _dDropped.Ensure((long)rows * inSize);
            Gemm.Multiply(workers, rows, inSize, rank, dDown, rank, 1, parameters + slot.A, inSize, 1, dDropped, inSize, false);
            Dropout.Backward(workers, dropout.Random, dropout.Probability, Module(lora.Layer, kind), dropout.FirstRow, dDropped, dx, rows, inSize);
        }
    }

    private float* Drop(in LoraPass lora, LinearKind kind, float* x, int rows, int size)
    {
        if (lora.Dropout is not { } dropout)
        {
            return x;
        }

        float* dropped = _dropped.Ensure((long)rows * size);
        Dropout.Apply(workers, dropout.Random, dropout.Probability, Module(lora.Layer, kind), dropout.FirstRow, x, dropped, rows, size);
        return dropped;
    }

    private static int Module(int layer, LinearKind kind) => (layer * LoraAdapter.LinearKinds) + (int)kind;
}
