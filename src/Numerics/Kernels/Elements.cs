using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Kernels;

/// <summary>The format in which an operand lies in memory. Packing widens it to float32 exactly, so that the arithmetic never knows it.</summary>
internal unsafe interface IElement<TSelf>
    where TSelf : unmanaged, IElement<TSelf>
{
    /// <summary>Whether the format is float32 itself, so that a tile may read the operand in place.</summary>
    static abstract bool IsFloat32 { get; }

    static abstract float Load(TSelf* from);

    static abstract Vector128<float> Load4(TSelf* from);

    static abstract Vector256<float> Load8(TSelf* from);

    static abstract Vector512<float> Load16(TSelf* from);
}

/// <summary>An IEEE 754 float32.</summary>
[StructLayout(LayoutKind.Sequential, Size = sizeof(float))]
internal readonly unsafe struct Float32Element : IElement<Float32Element>
{
    public static bool IsFloat32 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(Float32Element* from) => *(float*)from;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(Float32Element* from) => Vector128.Load((float*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(Float32Element* from) => Vector256.Load((float*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(Float32Element* from) => Vector512.Load((float*)from);
}

/// <summary>A bfloat16: the upper half of a float32.</summary>
[StructLayout(LayoutKind.Sequential, Size = sizeof(ushort))]
internal readonly unsafe struct BFloat16Element : IElement<BFloat16Element>
{
    public static bool IsFloat32 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(BFloat16Element* from) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)from << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(BFloat16Element* from) =>
        Vector128.ShiftLeft(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)from).AsUInt16()), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(BFloat16Element* from) =>
        Vector256.ShiftLeft(Vector256.WidenLower(Vector128.Load((ushort*)from).ToVector256Unsafe()), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(BFloat16Element* from) =>
        Vector512.ShiftLeft(Vector512.WidenLower(Vector256.Load((ushort*)from).ToVector512Unsafe()), 16).AsSingle();
}
