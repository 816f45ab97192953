using FedLLM.Engine.Models;
using Microsoft.Win32.SafeHandles;

namespace FedLLM.Engine.Files;

/// <summary>What <see cref="AdapterMerge.Write(string, string, string)"/> wrote.</summary>
/// <param name="WeightFiles">The weight files' names.</param>
/// <param name="Merged">Number of tensors that the adapter changed.</param>
/// <param name="Copied">Number of tensors copied.</param>
/// <param name="Bytes">Bytes of all tensors.</param>
public sealed record MergedModel(IReadOnlyList<string> WeightFiles, int Merged, int Copied, long Bytes);

/// <summary>
/// Writes a model directory whose linear layers hold W + s·B·A: the base model and the adapter in one. Every tensor keeps the base's type; what the adapter does not
/// touch is copied bit for bit, as are configuration and tokenizer. Tensor after tensor: memory holds the adapter and a few MiB.
/// </summary>
public static class AdapterMerge
{
    /// <summary>Most bytes of tensors in one weight file, Hugging Face's 5 GB.</summary>
    private const long MaxShardBytes = 5_000_000_000;

    // config.json comes last: until it is there, the folder is not yet a model.
    private static readonly string[] CopiedFiles =
    [
        "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "chat_template.json", "chat_template.jinja", "config.json",
    ];

    /// <summary>Merges.</summary>
    /// <param name="model">The base model's directory.</param>
    /// <param name="adapter">The adapter's directory.</param>
    /// <param name="destination">The directory to write; absent or empty.</param>
    /// <exception cref="InputFileException">A directory cannot be used, the adapter does not fit the model, or a merged weight is not finite in the base's type.</exception>
    public static MergedModel Write(string model, string adapter, string destination) => Write(model, adapter, destination, MaxShardBytes);

    /// <summary>Merges into weight files of at most <paramref name="maxShardBytes"/>, but for a tensor that is larger.</summary>
    internal static MergedModel Write(string model, string adapter, string destination, long maxShardBytes)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(destination);
        RequireFresh(destination);
        ModelConfig config = ModelDirectory.LoadConfig(model);
        PeftAdapter loaded = PeftAdapter.Load(adapter, config);
        using var weights = WeightFiles.Open(model);
        new DecoderReader(model, config, weights, WeightStorage.Float32).CheckTensors();

        var merged = new MergedTensors(weights, config, loaded);
        IReadOnlyList<WeightShard> shards = WeightShard.Cut([.. weights.Names.Select(name => weights.Find(name)![name])], maxShardBytes);
        var files = new List<(string, Action<Stream>)>();
        foreach (WeightShard shard in shards)
        {
            files.Add((shard.FileName, stream => merged.Write(stream, shard.Tensors)));
        }

        if (shards.Count > 1)
        {
            files.Add((WeightFiles.IndexFile, JsonFile.Object(json => WeightShard.WriteIndex(json, shards))));
        }

        foreach (string name in CopiedFiles.Where(name => File.Exists(Path.Combine(model, name))))
        {
            files.Add((name, stream => Copy(Path.Combine(model, name), stream)));
        }

        AtomicFile.WriteAll(destination, files);
        return new MergedModel([.. shards.Select(s => s.FileName)], merged.Count, weights.Names.Count - merged.Count, shards.Sum(s => s.Bytes));
    }

    private static void RequireFresh(string destination)
    {
        try
        {
            if (File.Exists(destination) || (Directory.Exists(destination) && Directory.EnumerateFileSystemEntries(destination).Any()))
            {
                throw new InputFileException(destination, null, File.Exists(destination) ? "is a file" : "the folder is not empty", "Choose a new output folder");
            }
        }
        catch (Exception e) when (InputFile.IsRefusal(e))
        {
            throw new InputFileException(destination, null, $"cannot be listed: {e.Message.TrimEnd('.')}", "Choose another output folder", e);
        }
    }

    private static void Copy(string path, Stream stream)
    {
        using SafeFileHandle handle = InputFile.Open(path, out long length);
        byte[] chunk = new byte[(int)Math.Min(length, 1 << 20)];
        for (long at = 0; at < length; at += chunk.Length)
        {
            Span<byte> piece = chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at));
            InputFile.ReadExactly(handle, path, at, piece);
            stream.Write(piece);
        }
    }
}
