using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization;

/// <summary>Reads tokenizer files whole, within a size limit.</summary>
internal static class InputBytes
{
    /// <summary>Largest tokenizer file read, in bytes; the largest in use is about 40 MB.</summary>
    public const long MaximumFileLength = 256L << 20;

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputFileException">It is missing, unreadable or larger than <see cref="MaximumFileLength"/>.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            FileInfo info = new(path);
            if (!info.Exists)
            {
                throw new InputFileException(path, null, "the file does not exist", "Check the path");
            }

            return info.Length <= MaximumFileLength
                ? File.ReadAllBytes(path)
                : throw new InputFileException(
                    path, null, $"the file has {info.Length} bytes, more than a tokenizer has", "Check that it is a tokenizer file");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(path, null, "the file cannot be read", "Check its permissions", exception);
        }
    }
}
