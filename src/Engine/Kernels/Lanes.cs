using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// The 16-lane vector all elementwise kernels are written in. A tail of fewer than 16 elements goes through the same operations, padded,
/// so an element's bits do not depend on where it stands; the runtime lowers the operations to whatever the machine has, all of them exactly rounded.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>Lanes of a vector.</summary>
    public const int Width = 16;

    /// <summary>Loads <paramref name="count"/> elements (1 to 16), the rest zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source, int count) => count >= Width ? Vector512.Load(source) : LoadTail(source, count);

    /// <summary>Stores the first <paramref name="count"/> lanes (1 to 16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination, int count)
    {
        if (count >= Width)
        {
            value.Store(destination);
        }
        else
        {
            StoreTail(value, destination, count);
        }
    }

    /// <summary>Zeroes the lanes from <paramref name="count"/> on; any integer will do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Keep(Vector512<float> value, int count)
        => count >= Width
            ? value
            : Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), value, Vector512<float>.Zero);

    private static Vector512<float> LoadTail(float* source, int count)
    {
        float* padded = stackalloc float[Width];
        for (int i = 0; i < Width; i++)
        {
            padded[i] = i < count ? source[i] : 0f;
        }

        return Vector512.Load(padded);
    }

    private static void StoreTail(Vector512<float> value, float* destination, int count)
    {
        float* padded = stackalloc float[Width];
        value.Store(padded);
        for (int i = 0; i < count; i++)
        {
            destination[i] = padded[i];
        }
    }
}

/// <summary>Splits rows or elements into blocks for the workers. Block sizes never change a result.</summary>
internal static class Blocks
{
    /// <summary>Elements of elementwise work per task: long enough that handing out a task costs nothing beside it.</summary>
    public const int Elements = 16 * 1024;

    /// <summary>Rows per task for rows of <paramref name="width"/> elements.</summary>
    public static int RowsPerTask(int width) => Math.Max(1, Elements / Math.Max(1, width));

    /// <summary>Tasks for <paramref name="count"/> items of <paramref name="perTask"/> each.</summary>
    public static int Count(int count, int perTask) => (count + perTask - 1) / perTask;
}
