using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Engine.Models;
using Microsoft.Win32.SafeHandles;

namespace FedLLM.Engine.Files;

/// <summary>A model as Hugging Face keeps it in a folder: <c>config.json</c> and one or several safetensors files.</summary>
public static class ModelDirectory
{
    private const string ConfigFile = "config.json";
    private const string GenerationFile = "generation_config.json";

    // What a training's result depends on besides configuration and weights, where it is there.
    private static readonly string[] OptionalFiles = [GenerationFile, "tokenizer.json", "tokenizer.model", "tokenizer_config.json"];

    /// <summary>Loads configuration and parameters.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="storage">How its matrices are kept in memory.</param>
    /// <exception cref="InputFileException">The folder or a file in it is absent, damaged, or asks for something this program does not do.</exception>
    public static DecoderWeights Load(string path, WeightStorage storage = WeightStorage.Float32)
    {
        ModelConfig config = LoadConfig(path);
        using var files = WeightFiles.Open(path);
        var reader = new DecoderReader(path, config, files, storage);
        return reader.Read();
    }

    /// <summary>Loads the configuration alone. As in transformers, <c>generation_config.json</c> has the last word on the end-of-sequence ids where it names any.</summary>
    /// <exception cref="InputFileException">The folder or its <c>config.json</c> is absent, damaged, or asks for something this program does not do.</exception>
    public static ModelConfig LoadConfig(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Find(path);
        string file = Path.Combine(path, ConfigFile);
        if (!File.Exists(file))
        {
            throw new InputFileException(path, null, "the folder has no config.json, so it is not a model", "Point at the folder that holds config.json and model.safetensors");
        }

        ModelConfig config = ModelConfigFile.Parse(JsonFields.Read(file));
        string generation = Path.Combine(path, GenerationFile);
        return File.Exists(generation) ? ModelConfigFile.WithGeneration(config, JsonFields.Read(generation)) : config;
    }

    /// <summary>Writes <c>config.json</c>, <c>generation_config.json</c> and <c>model.safetensors</c> so that transformers loads them. Other files in the folder stay.</summary>
    /// <param name="path">The folder; made if absent.</param>
    /// <param name="weights">The model.</param>
    /// <param name="type">F32 exactly, or BF16 rounded to the nearest.</param>
    /// <exception cref="InputFileException">The folder cannot be written.</exception>
    /// <exception cref="ArgumentException">The weights do not have the shapes or biases that their configuration and family ask for.</exception>
    public static void Save(string path, DecoderWeights weights, TensorType type = TensorType.F32)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(weights);
        NamedTensor[] tensors = [.. DecoderTensors.Of(weights)];
        foreach ((NamedTensor tensor, (string name, int[] shape)) in tensors.Zip(DecoderTensors.Shapes(weights.Config)))
        {
            if (tensor.Name != name || !tensor.Shape.SequenceEqual(shape) || tensors.Length != DecoderTensors.Shapes(weights.Config).Count())
            {
                throw new ArgumentException($"The weights do not belong to their configuration: it asks for {name} [{string.Join(", ", shape)}].", nameof(weights));
            }
        }

        // config.json comes last: until it is there, the folder is not yet a model.
        AtomicFile.WriteAll(
            path,
            (WeightFiles.SingleFile, stream => SafetensorsWriter.Write(stream, tensors, type)),
            (GenerationFile, JsonFile.Object(json => ModelConfigWriter.WriteSpecialIds(json, weights.Config))),
            (ConfigFile, JsonFile.Object(json => ModelConfigWriter.Write(json, weights.Config, type))));
    }

    /// <summary>Identifies a model by content: the SHA-256, in lower-case hexadecimal, over name, length and bytes of <c>config.json</c>, of <c>generation_config.json</c> and the tokenizer's files if present, and of each weight file.</summary>
    /// <exception cref="InputFileException">The folder or a file in it is absent or cannot be read.</exception>
    public static string ContentHash(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        Find(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] chunk = new byte[1 << 20];
        IEnumerable<string> optional = OptionalFiles.Where(name => File.Exists(Path.Combine(path, name)));
        foreach (string name in optional.Prepend(ConfigFile).Concat(WeightFiles.FileNames(path)))
        {
            using SafeFileHandle handle = InputFile.Open(Path.Combine(path, name), out long length);
            hash.AppendData(Encoding.UTF8.GetBytes(name + "\0"));
            BinaryPrimitives.WriteInt64LittleEndian(chunk, length);
            hash.AppendData(chunk.AsSpan(0, 8));
            for (long at = 0; at < length; at += chunk.Length)
            {
                Span<byte> piece = chunk.AsSpan(0, (int)Math.Min(chunk.Length, length - at));
                InputFile.ReadExactly(handle, Path.Combine(path, name), at, piece);
                hash.AppendData(piece);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Find(string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        if (File.Exists(path))
        {
            throw new InputFileException(path, null, "is a file; a model is a folder", "Point at the folder that holds config.json and model.safetensors");
        }

        bool mayBeRepository = path.Split('/') is [{ Length: > 0 } owner, { Length: > 0 } name] && (owner + name).All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') && !owner.StartsWith('.');
        string repository = mayBeRepository ? path : "Qwen/Qwen2.5-0.5B-Instruct";
        string folder = path.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '/') ? path : $"'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";
        string options = $"download {repository} --local-dir {folder}";
        throw new InputFileException(path, null, "the model folder does not exist", $"Check the path, or download a model into it: hf {options} (with an older huggingface_hub: huggingface-cli {options})");
    }
}
