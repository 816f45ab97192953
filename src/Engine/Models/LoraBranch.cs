using FedLLM.Engine.Kernels;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>A linear layer as its LoRA branches see it.</summary>
/// <param name="Layer">Decoder layer.</param>
/// <param name="Kind">Which linear layer.</param>
/// <param name="InSize">Input features.</param>
/// <param name="OutSize">Output features.</param>
internal readonly record struct BranchModule(int Layer, LinearKind Kind, int InSize, int OutSize)
{
    /// <summary>The module's number, which tells its dropout masks from others'.</summary>
    public int Number => (Layer * LoraAdapter.LinearKinds) + (int)Kind;
}

/// <summary>Cuts the rows of all lanes into blocks, none across two lanes. Block sizes never change a result.</summary>
internal static class LaneBlocks
{
    /// <summary>Rows of a block: enough that handing out a task costs nothing beside it, few enough to stay in the cache.</summary>
    private const int Rows = 96;

    /// <summary>Number of blocks.</summary>
    public static int Count(LaneSet lanes)
    {
        int blocks = 0;
        for (int lane = 0; lane < lanes.Count; lane++)
        {
            blocks += Count(lanes[lane]);
        }

        return blocks;
    }

    /// <summary>Finds a block: its lane, its first row in the batch and its number of rows.</summary>
    public static (int Lane, int First, int Count) Find(LaneSet lanes, int block)
    {
        int lane = 0;
        for (int blocks = Count(lanes[lane]); block >= blocks; blocks = Count(lanes[lane]))
        {
            block -= blocks;
            lane++;
        }

        LaneRows rows = lanes[lane].Rows;
        int from = block * Rows;
        return (lane, rows.First + from, Math.Min(Rows, rows.Count - from));
    }

    private static int Count(in LanePass lane) => Blocks.Count(lane.Rows.Count, Rows);
}

/// <summary>y += s·B·(A·dropout(x)), a block of one lane's rows per task; keeps s·A·dropout(x).</summary>
internal readonly unsafe struct LoraForward(LaneSet lanes, BranchModule module, float* x, float* dropped, float* down, float* y) : IParallelWork
{
    public void Execute(int task, int worker)
    {
        (int index, int first, int rows) = LaneBlocks.Find(lanes, task);
        ref readonly LanePass lane = ref lanes[index];
        if (lane.Adapter!.Slot(module.Layer, module.Kind) is not { } slot)
        {
            return;
        }

        int inSize = module.InSize;
        int outSize = module.OutSize;
        float* input = x + ((long)first * inSize);
        if (lane.Dropout is { } dropout)
        {
            float* kept = dropped + ((long)first * inSize);
            Dropout.Apply(dropout, module.Number, first - lane.Rows.First, input, kept, rows, inSize);
            input = kept;
        }

        float* u = down + ((long)first * lanes.MaxRank); // [rows,r]
        fixed (float* parameters = lane.Adapter.Parameters.Values)
        {
            Gemm.Multiply(null, rows, slot.Rank, inSize, input, inSize, 1, parameters + slot.A, 1, inSize, u, lanes.MaxRank, false);
            Elementwise.Scale(u, slot.Scaling, (long)rows * lanes.MaxRank);
            Gemm.Multiply(null, rows, outSize, slot.Rank, u, lanes.MaxRank, 1, parameters + slot.B, 1, slot.Rank, y + ((long)first * outSize), outSize, true);
        }
    }
}

/// <summary>
/// dDown = s·dy·B and, where <paramref name="dx"/> is not null, dx += (dDown·A) through the dropout's mask; a block of one lane's rows per task.
/// Draws the dropped inputs again for <see cref="LoraFactorGradient"/>. Nothing is computed that a frozen A leaves nobody to use.
/// </summary>
internal readonly unsafe struct LoraInputGradient(
    LaneSet lanes, BranchModule module, float* x, float* dropped, float* dDropped, float* dy, float* dDown, float* dx) : IParallelWork
{
    public void Execute(int task, int worker)
    {
        (int index, int first, int rows) = LaneBlocks.Find(lanes, task);
        ref readonly LanePass lane = ref lanes[index];
        if (lane.Adapter!.Slot(module.Layer, module.Kind) is not { } slot)
        {
            return;
        }

        bool trainsA = (lane.Trained & LoraHalves.A) != 0;
        if (dx is null && !trainsA)
        {
            return;
        }

        int inSize = module.InSize;
        int outSize = module.OutSize;
        int stride = lanes.MaxRank;
        long at = (long)first * inSize;
        float* du = dDown + ((long)first * stride); // [rows,r]
        fixed (float* parameters = lane.Adapter.Parameters.Values)
        {
            Gemm.Multiply(null, rows, slot.Rank, outSize, dy + ((long)first * outSize), outSize, 1, parameters + slot.B, slot.Rank, 1, du, stride, false);
            Elementwise.Scale(du, slot.Scaling, (long)rows * stride);
            if (lane.Dropout is not { } dropout)
            {
                if (dx is not null)
                {
                    Gemm.Multiply(null, rows, inSize, slot.Rank, du, stride, 1, parameters + slot.A, inSize, 1, dx + at, inSize, true);
                }

                return;
            }

            int row = first - lane.Rows.First;
            if (trainsA)
            {
                Dropout.Apply(dropout, module.Number, row, x + at, dropped + at, rows, inSize);
            }

            if (dx is not null)
            {
                Gemm.Multiply(null, rows, inSize, slot.Rank, du, stride, 1, parameters + slot.A, inSize, 1, dDropped + at, inSize, false);
                Dropout.Backward(dropout, module.Number, row, dDropped + at, dx + at, rows, inSize);
            }
        }
    }
}

/// <summary>dB += dyᵀ·down and dA += dDownᵀ·dropout(x), a block of the factor's columns of one lane per task; each element sums over the lane's rows, ascending.</summary>
internal readonly unsafe struct LoraFactorGradient(LaneSet lanes, BranchModule module, float* x, float* dropped, float* dy, float* down, float* dDown) : IParallelWork
{
    private const int BlockColumns = 192;

    /// <summary>Number of tasks.</summary>
    public int Tasks => lanes.Count * PerLane;

    private int OutBlocks => Blocks.Count(module.OutSize, BlockColumns);

    private int PerLane => OutBlocks + Blocks.Count(module.InSize, BlockColumns);

    public void Execute(int task, int worker)
    {
        ref readonly LanePass lane = ref lanes[task / PerLane];
        if (lane.Adapter!.Slot(module.Layer, module.Kind) is not { } slot || lane.Gradient is null)
        {
            return;
        }

        int block = task % PerLane;
        if ((lane.Trained & (block < OutBlocks ? LoraHalves.B : LoraHalves.A)) == 0)
        {
            return;
        }

        int rows = lane.Rows.Count;
        long firstRow = lane.Rows.First;
        int stride = lanes.MaxRank;
        fixed (float* gradient = lane.Gradient)
        {
            if (block < OutBlocks)
            {
                int from = block * BlockColumns;
                int count = Math.Min(BlockColumns, module.OutSize - from);
                Gemm.Multiply(
                    null, count, slot.Rank, rows, dy + (firstRow * module.OutSize) + from, 1, module.OutSize, down + (firstRow * stride), stride, 1,
                    gradient + slot.B + ((long)from * slot.Rank), slot.Rank, true);
            }
            else
            {
                int from = (block - OutBlocks) * BlockColumns;
                int count = Math.Min(BlockColumns, module.InSize - from);
                float* input = (lane.Dropout is null ? x : dropped) + (firstRow * module.InSize) + from;
                Gemm.Multiply(
                    null, slot.Rank, count, rows, dDown + (firstRow * stride), 1, stride, input, module.InSize, 1,
                    gradient + slot.A + from, module.InSize, true);
            }
        }
    }
}
