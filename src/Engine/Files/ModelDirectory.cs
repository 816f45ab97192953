using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>A model as Hugging Face keeps it in a folder: <c>config.json</c> and one or several safetensors files.</summary>
public static class ModelDirectory
{
    internal const string ConfigFile = "config.json";

    /// <summary>Loads configuration and parameters, widened to float32.</summary>
    /// <exception cref="InputFileException">The folder or a file in it is absent, damaged, or asks for something this program does not do.</exception>
    public static DecoderWeights Load(string path)
    {
        ModelConfig config = LoadConfig(path);
        using var files = WeightFiles.Open(path);
        var reader = new DecoderReader(path, config, files);
        return reader.Read();
    }

    /// <summary>Loads the configuration alone.</summary>
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

        return ModelConfigFile.Parse(JsonFields.Read(file));
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
