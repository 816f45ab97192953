namespace FedLLM.Engine.Files;

/// <summary>The weight files of a model folder, open: one <c>model.safetensors</c>, or those that <c>model.safetensors.index.json</c> names.</summary>
internal sealed class WeightFiles : IDisposable
{
    /// <summary>The name of a single weight file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>The name of the file that says which weight file holds which tensor.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    private const string Remedy = "Download the model again";
    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _byTensor = new(StringComparer.Ordinal);

    private WeightFiles()
    {
    }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _byTensor.Keys;

    /// <summary>The file that holds a tensor, or null.</summary>
    public SafetensorsFile? Find(string tensor) => _byTensor.GetValueOrDefault(tensor);

    /// <summary>Opens the weight files of a folder and checks their headers. As in transformers, a single file takes precedence over an index.</summary>
    /// <exception cref="InputFileException">There are none, or one of them is damaged.</exception>
    public static WeightFiles Open(string folder)
    {
        var files = new WeightFiles();
        try
        {
            string index = Path.Combine(folder, IndexFile);
            Dictionary<string, string>? map = File.Exists(Path.Combine(folder, SingleFile)) || !File.Exists(index) ? null : ReadIndex(index);
            foreach (string name in FileNames(folder, map))
            {
                files.Add(Path.Combine(folder, name));
            }

            if (map is not null)
            {
                files.CheckIndex(index, map);
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>The names of a folder's weight files, in ordinal order.</summary>
    /// <exception cref="InputFileException">There are none, or the index is damaged.</exception>
    public static IReadOnlyList<string> FileNames(string folder)
    {
        string index = Path.Combine(folder, IndexFile);
        return FileNames(folder, File.Exists(Path.Combine(folder, SingleFile)) || !File.Exists(index) ? null : ReadIndex(index));
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
        {
            file.Dispose();
        }
    }

    private static IReadOnlyList<string> FileNames(string folder, Dictionary<string, string>? map)
    {
        if (map is not null)
        {
            return [.. map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        }

        return File.Exists(Path.Combine(folder, SingleFile)) ? [SingleFile] : throw NoWeights(folder);
    }

    private static InputFileException NoWeights(string folder)
    {
        string? pickle = null;
        try
        {
            pickle = Directory.EnumerateFiles(folder).Select(Path.GetFileName).Where(n => n is not null && Path.GetExtension(n) is ".bin" or ".pt" or ".pth").Order(StringComparer.Ordinal).FirstOrDefault();
        }
        catch (Exception e) when (InputFile.IsRefusal(e))
        {
            // The folder may not be listed; the plain message below says what is missing.
        }

        return pickle is null
            ? new InputFileException(folder, null, $"the folder has neither {SingleFile} nor {IndexFile}", Remedy)
            : new InputFileException(folder, null, $"the weights are Python pickles ({pickle}), which are not read because they can run code",
                "Convert them to safetensors: in Python, AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(DIR, safe_serialization=True)");
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        JsonFields map = JsonFields.Read(path).OptionalObject("weight_map") ?? throw new InputFileException(path, "key 'weight_map'", "is missing", Remedy);
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string tensor in map.Keys)
        {
            string name = map.OptionalText(tensor) ?? throw map.Defect(tensor, "names no file");

            // A plain name only: an index must not reach outside its folder.
            bool plain = name.EndsWith(".safetensors", StringComparison.Ordinal) && name.Length <= 255 && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));
            files.Add(tensor, plain ? name : throw map.Defect(tensor, "does not name a .safetensors file in the same folder", Remedy));
        }

        return files.Count > 0 ? files : throw new InputFileException(path, "key 'weight_map'", "names no tensor", Remedy);
    }

    private void Add(string path)
    {
        var file = SafetensorsFile.Open(path);
        _files.Add(file);
        foreach (string name in file.Names)
        {
            if (!_byTensor.TryAdd(name, file))
            {
                throw new InputFileException(path, $"tensor {InputFileException.Quote(name)}", $"is also in {Path.GetFileName(_byTensor[name].Path)}", Remedy);
            }
        }
    }

    private void CheckIndex(string path, Dictionary<string, string> map)
    {
        string[] absent = [.. map.Where(e => Find(e.Key) is not SafetensorsFile file || Path.GetFileName(file.Path) != e.Value).Select(e => e.Key).Order(StringComparer.Ordinal)];
        if (absent.Length > 0)
        {
            throw new InputFileException(path, null, $"the files it names do not hold {InputFileException.QuoteAll(absent)}", Remedy);
        }

        string[] unlisted = [.. Names.Where(n => !map.ContainsKey(n)).Order(StringComparer.Ordinal)];
        if (unlisted.Length > 0)
        {
            throw new InputFileException(path, null, $"it does not list {InputFileException.QuoteAll(unlisted)}, which its files hold", Remedy);
        }
    }
}
