namespace FedLLM.Engine.Files;

/// <summary>The element types of a safetensors file that this program reads, by their names in the header.</summary>
public enum TensorType
{
    /// <summary>IEEE float64.</summary>
    F64,

    /// <summary>IEEE float32.</summary>
    F32,

    /// <summary>IEEE float16.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    BOOL,
}

/// <summary>Sizes and names of <see cref="TensorType"/>.</summary>
internal static class TensorTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this TensorType type) => type switch
    {
        TensorType.F64 or TensorType.I64 => 8,
        TensorType.F32 or TensorType.I32 => 4,
        TensorType.F16 or TensorType.BF16 or TensorType.I16 => 2,
        _ => 1,
    };

    /// <summary>Whether the type holds floating-point numbers.</summary>
    public static bool IsFloat(this TensorType type) => type is TensorType.F64 or TensorType.F32 or TensorType.F16 or TensorType.BF16;

    /// <summary>Finds the type of a header's <c>dtype</c>.</summary>
    public static bool TryParse(string name, out TensorType type)
    {
        (bool known, type) = name switch
        {
            "F64" => (true, TensorType.F64),
            "F32" => (true, TensorType.F32),
            "F16" => (true, TensorType.F16),
            "BF16" => (true, TensorType.BF16),
            "I64" => (true, TensorType.I64),
            "I32" => (true, TensorType.I32),
            "I16" => (true, TensorType.I16),
            "I8" => (true, TensorType.I8),
            "U8" => (true, TensorType.U8),
            "BOOL" => (true, TensorType.BOOL),
            _ => (false, default),
        };
        return known;
    }
}
