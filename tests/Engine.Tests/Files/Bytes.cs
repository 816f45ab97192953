using System.Buffers.Binary;
using System.Text;

namespace FedLLM.Engine.Tests.Files;

/// <summary>Safetensors files built by hand, byte by byte, and small models to damage.</summary>
internal static class Bytes
{
    /// <summary>The header's length, the header as it is, the data.</summary>
    public static byte[] Safetensors(string header, params byte[] data) => WithLength((ulong)Encoding.UTF8.GetByteCount(header), header, data);

    /// <summary>The same with a length that need not be true.</summary>
    public static byte[] WithLength(ulong length, string header, params byte[] data)
    {
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        return [.. prefix, .. Encoding.UTF8.GetBytes(header), .. data];
    }

    /// <summary>One entry of a header.</summary>
    public static string Entry(string name, string type, string shape, long begin, long end) =>
        $$"""{{Quoted(name)}}:{"dtype":"{{type}}","shape":{{shape}},"data_offsets":[{{begin}},{{end}}]}""";

    private static string Quoted(string name) => $"\"{name}\"";
}
