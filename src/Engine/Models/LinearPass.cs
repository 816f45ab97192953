using FedLLM.Engine.Kernels;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// A linear layer with the LoRA branches of all lanes: y = W·x + b + s·B·(A·dropout(x)), s = alpha/r (Hu et al., 2021; the order of operations is PEFT's).
/// The base product runs over the rows of all lanes at once, the branches lane by lane; a lane's bits are those of a pass of its own.
/// </summary>
/// <param name="workers">Threads.</param>
/// <param name="packed">Copies of the weights as products read them, or null where there are none.</param>
internal sealed unsafe class LinearPass(Workers workers, PackedLayers? packed)
{
    private readonly ActivationBuffer _dDown = new();
    private readonly ActivationBuffer _dropped = new();
    private readonly ActivationBuffer _dDropped = new();

    /// <summary>y [T,out] from x [T,in]; keeps s·A·dropout(x) of every lane in <paramref name="down"/> for the backward pass.</summary>
    public void Forward(LayerWeights layer, int layerIndex, LinearKind kind, LaneSet lanes, ActivationBuffer down, float* x, float* y, int rows)
    {
        LinearWeights linear = layer[kind];
        if (packed is not null && PackedLayers.Fit(rows))
        {
            packed.Forward(workers, linear, layerIndex, kind, x, y, rows);
        }
        else
        {
            linear.Weight.Multiply(workers, rows, linear.OutSize, linear.InSize, x, linear.InSize, 1, 0, 1, linear.InSize, y, linear.OutSize, false);
        }

        if (linear.Bias is not null)
        {
            fixed (float* bias = linear.Bias)
            {
                Elementwise.AddBias(workers, bias, y, rows, linear.OutSize);
            }
        }

        if (lanes.Adapts(layerIndex, kind))
        {
            var module = new BranchModule(layerIndex, kind, linear.InSize, linear.OutSize);
            float* kept = down.Ensure((long)rows * lanes.MaxRank); // [T,r]
            float* dropped = AnyDropout(lanes) ? _dropped.Ensure((long)rows * linear.InSize) : null; // [T,in]
            workers.Run(LaneBlocks.Count(lanes), new LoraForward(lanes, module, x, dropped, kept, y));
        }
    }

    /// <summary>
    /// From dy [T,out]: adds the trained parameters' gradients and, where <paramref name="dx"/> [T,in] is not null, writes (or adds to) the input's.
    /// </summary>
    public void Backward(
        LayerWeights layer, int layerIndex, LinearKind kind, LaneSet lanes, LayerWeights? fullGradient, ActivationBuffer down,
        float* x, float* dy, float* dx, int rows, bool accumulate)
    {
        LinearWeights linear = layer[kind];
        int inSize = linear.InSize;
        int outSize = linear.OutSize;
        if (fullGradient is not null)
        {
            LinearWeights gradient = fullGradient[kind];
            fixed (float* dWeight = gradient.Weight.Single, dBias = gradient.Bias)
            {
                Gemm.Multiply(workers, outSize, inSize, rows, dy, 1, outSize, x, inSize, 1, dWeight, inSize, true); // dW += dyᵀ·x
                if (gradient.Bias is not null)
                {
                    Elementwise.SumColumns(workers, dy, dBias, rows, outSize);
                }
            }
        }

        if (dx is not null && packed is not null && PackedLayers.Fit(rows))
        {
            packed.Backward(workers, linear, layerIndex, kind, dy, dx, rows, accumulate); // dx = dy·W
        }
        else if (dx is not null)
        {
            linear.Weight.Multiply(workers, rows, inSize, outSize, dy, outSize, 1, 0, inSize, 1, dx, inSize, accumulate);
        }

        if (lanes.Adapts(layerIndex, kind))
        {
            var module = new BranchModule(layerIndex, kind, inSize, outSize);
            float* dDown = _dDown.Ensure((long)rows * lanes.MaxRank); // [T,r]
            bool drops = AnyDropout(lanes);
            float* dropped = drops ? _dropped.Ensure((long)rows * inSize) : null; // [T,in]
            float* dDropped = drops && dx is not null ? _dDropped.Ensure((long)rows * inSize) : null; // [T,in]
            workers.Run(LaneBlocks.Count(lanes), new LoraInputGradient(lanes, module, x, dropped, dDropped, dy, dDown, dx));
            var factors = new LoraFactorGradient(lanes, module, x, dropped, dy, down.Pointer, dDown);
            workers.Run(factors.Tasks, factors);
        }
    }

    private static bool AnyDropout(LaneSet lanes)
    {
        for (int lane = 0; lane < lanes.Count; lane++)
        {
            if (lanes[lane].Dropout is not null)
            {
                return true;
            }
        }

        return false;
    }
}
