using FedLLM.Experiments.Configuration;
using ValueType = FedLLM.Experiments.Configuration.ValueType;

namespace FedLLM.Experiments.Pretraining;

/// <summary>Reads pretraining configurations: as strictly as experiment files, with every error at once.</summary>
public static class PretrainConfigFile
{
    private static readonly (string Path, ValueType Type, string? Default)[] Keys =
    [
        ("name", new NameType(), "base"),
        ("seed", new IntegerType(0, long.MaxValue), "1"),
        ("corpus", new PathType(), null),
        ("tokenizer.vocab_size", new IntegerType(258, 1 << 20), "1024"),
        ("model.hidden_size", new IntegerType(2, 1 << 16), null),
        ("model.intermediate_size", new IntegerType(1, 1 << 18), null),
        ("model.layers", new IntegerType(1, 1024), null),
        ("model.heads", new IntegerType(1, 1024), null),
        ("model.key_value_heads", new IntegerType(1, 1024), null),
        ("model.max_positions", new IntegerType(2, 1 << 24), "512"),
        ("model.rope_theta", new NumberType(Bounds.Above(0)), "10000"),
        ("model.tied", new SwitchType(), "true"),
        ("training.batch_size", new IntegerType(1, 1 << 20), "32"),
        ("training.sequence_length", new IntegerType(2, 1 << 24), "256"),
        ("training.steps", new IntegerType(1), null),
        ("training.learning_rate", new NumberType(Bounds.Above(0)), "1e-3"),
        ("training.min_learning_rate", new NumberType(Bounds.AtLeast(0)), "1e-4"),
        ("training.warmup_steps", new IntegerType(0), "100"),
        ("training.weight_decay", new NumberType(Bounds.AtLeast(0)), "0.1"),
        ("training.max_grad_norm", new NumberType(Bounds.Above(0)), "1"),
        ("dtype", new ChoiceType<WeightFormat>([("float32", WeightFormat.Float32), ("bfloat16", WeightFormat.Bfloat16)]), "float32"),
    ];

    private enum WeightFormat
    {
        Float32,
        Bfloat16,
    }

    /// <summary>Reads the YAML file at <paramref name="path"/>; relative paths in it are those of its folder.</summary>
    /// <exception cref="ExperimentFileException">The file cannot be read or used; every error is listed.</exception>
    public static PretrainConfig Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        byte[] bytes = ExperimentFile.ReadBytes(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var errors = new List<ExperimentFileError>();
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        ReadSection(YamlTree.Read(bytes, path), string.Empty);
        foreach (var (key, type, fallback) in Keys)
        {
            if (fallback is not null && !values.ContainsKey(key))
            {
                values[key] = type.Read(new ScalarNode(fallback, Quoted: false, Line: 0), folder).Value;
            }
            else if (!values.ContainsKey(key) && !errors.Any(e => e.Path == key))
            {
                errors.Add(new ExperimentFileError(path, 0, key, "is required"));
            }
        }

        PretrainConfig? config = errors.Count == 0 ? Make() : null;
        if (config is not null)
        {
            CheckShapes(config);
        }

        return errors.Count == 0 ? config! : throw new ExperimentFileException(errors);

        void ReadSection(MappingNode section, string prefix)
        {
            foreach (var (name, value) in section.Entries)
            {
                string key = prefix + name.Text;
                var known = Keys.FirstOrDefault(k => k.Path == key);
                if (known.Type is not null)
                {
                    ValueReading reading = known.Type.Read(value, folder);
                    if (reading.Problem is not null)
                    {
                        errors.Add(new ExperimentFileError(path, name.Line, key, reading.Problem));
                    }
                    else if (!values.TryAdd(key, reading.Value))
                    {
                        errors.Add(new ExperimentFileError(path, name.Line, key, "is given twice; keep one"));
                    }
                }
                else if (value is MappingNode inner && Keys.Any(k => k.Path.StartsWith(key + ".", StringComparison.Ordinal)))
                {
                    ReadSection(inner, key + ".");
                }
                else
                {
                    string nearest = NearestName.Find(name.Text, prefix.TrimEnd('.'), Keys.Select(k => k.Path));
                    errors.Add(new ExperimentFileError(path, name.Line, string.Empty, $"has an unknown key; the nearest known one is {nearest}"));
                }
            }
        }

        int Int(string key) => (int)(long)values[key]!;
        double Number(string key) => (double)values[key]!;

        PretrainConfig Make() => new()
        {
            Name = (string)values["name"]!,
            Seed = (long)values["seed"]!,
            Corpus = (string)values["corpus"]!,
            VocabularySize = Int("tokenizer.vocab_size"),
            HiddenSize = Int("model.hidden_size"),
            IntermediateSize = Int("model.intermediate_size"),
            Layers = Int("model.layers"),
            Heads = Int("model.heads"),
            KeyValueHeads = Int("model.key_value_heads"),
            MaxPositions = Int("model.max_positions"),
            RopeTheta = Number("model.rope_theta"),
            Tied = (bool)values["model.tied"]!,
            BatchSize = Int("training.batch_size"),
            SequenceLength = Int("training.sequence_length"),
            Steps = Int("training.steps"),
            LearningRate = Number("training.learning_rate"),
            MinLearningRate = Number("training.min_learning_rate"),
            WarmupSteps = Int("training.warmup_steps"),
            WeightDecay = Number("training.weight_decay"),
            MaxGradNorm = Number("training.max_grad_norm"),
            Bfloat16 = (WeightFormat)values["dtype"]! == WeightFormat.Bfloat16,
        };

        void CheckShapes(PretrainConfig made)
        {
            if (made.HiddenSize % (2 * made.Heads) != 0)
            {
                errors.Add(new ExperimentFileError(path, 0, "model.hidden_size", "must be an even multiple of model.heads"));
            }

            if (made.Heads % made.KeyValueHeads != 0)
            {
                errors.Add(new ExperimentFileError(path, 0, "model.key_value_heads", "must divide model.heads"));
            }

            if (made.SequenceLength > made.MaxPositions)
            {
                errors.Add(new ExperimentFileError(path, 0, "training.sequence_length", "must not exceed model.max_positions"));
            }
        }
    }
}
