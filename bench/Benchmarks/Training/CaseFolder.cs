using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Training;

/// <summary>
/// A case on disk, as both sides read it: <c>model/</c> in Hugging Face's layout, <c>adapter/</c> in PEFT's, and <c>batches.json</c> with the settings and,
/// by client, step and place in the batch, token ids and labels (-100 where a token is not scored).
/// </summary>
internal static class CaseFolder
{
    private const int Ignored = -100;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The adapter that training starts from: LoRA on q and v, rank 8. No dropout, so that both sides' losses can be compared.</summary>
    public static LoraConfig Lora { get; } = new(8, 16, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });

    /// <summary>Writes a case.</summary>
    public static void Write(string folder, TrainingCase work)
    {
        string model = Directory.CreateDirectory(ModelPath(folder)).FullName;
        work.WriteModel(model);
        PeftAdapter.Save(AdapterPath(folder), Lora, LoraAdapter.Initialize(ModelDirectory.LoadConfig(model), Lora, 1).Parameters, baseModel: null);
        bool pairs = work.Pairs.Length > 0;
        using FileStream stream = File.Create(BatchesPath(folder));
        if (pairs)
        {
            JsonSerializer.Serialize(stream, new BatchFile<LabelledPair>("dpo", Map(work.Pairs, p => new LabelledPair(Label(p.Chosen), Label(p.Rejected)))), Json);
        }
        else
        {
            JsonSerializer.Serialize(stream, new BatchFile<LabelledSequence>("sft", Map(work.Sequences, Label)), Json);
        }
    }

    /// <summary>Opens our side of a case: the weights and batches of a folder, ready to train.</summary>
    /// <param name="folder">The case.</param>
    /// <param name="storage">How the base model is read.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="lanes">Most clients that train side by side.</param>
    /// <param name="load">Puts the base model on its device; the CPU engine by default.</param>
    /// <param name="checkpointing">Whether activations are computed again.</param>
    public static ITrainingSession Open(
        string folder, WeightStorage storage, int threads, int lanes, Func<DecoderWeights, ILearner>? load = null, bool checkpointing = false)
    {
        ILearner learner = (load ?? (weights => new CpuLearner(weights)))(ModelDirectory.Load(ModelPath(folder), storage));
        TensorSet initial = PeftAdapter.Load(AdapterPath(folder), learner.Model).Tensors;
        byte[] text = File.ReadAllBytes(BatchesPath(folder));
        BatchFile<JsonElement> settings = Read<JsonElement>(text);
        var rates = new StepSettings(settings.LearningRate, settings.MaxGradNorm);
        if (settings.Task == "dpo")
        {
            PreferencePair[][][] pairs = Map(Read<LabelledPair>(text).Clients, p => new PreferencePair(Scored(p.Chosen), Scored(p.Rejected)));
            return new TrainingSession<ReferencedPair>(
                learner, initial, new PreferenceObjective(PreferenceLossKind.Sigmoid, settings.Beta), rates, threads, lanes, checkpointing, Tokens(pairs, pair => pair.Tokens),
                (client, model) => [.. pairs[client].Select(batch => Reference(batch, model))]);
        }

        TokenSequence[][][] sequences = Map(Read<LabelledSequence>(text).Clients, Scored);
        return new TrainingSession<TokenSequence>(
            learner, initial, new NextTokenObjective(), rates, threads, lanes, checkpointing,
            Tokens(sequences, sequence => sequence.Tokens.Length), (client, _) => sequences[client]);
    }

    private static string ModelPath(string folder) => Path.Combine(folder, "model");

    private static string AdapterPath(string folder) => Path.Combine(folder, "adapter");

    private static string BatchesPath(string folder) => Path.Combine(folder, "batches.json");

    private static BatchFile<TSample> Read<TSample>(byte[] text) => JsonSerializer.Deserialize<BatchFile<TSample>>(text, Json)!;

    // Against the base model: the adapter is off.
    private static ReferencedPair[] Reference(PreferencePair[] batch, ILanguageModel model)
    {
        var result = new List<ReferencedPair>(batch.Length);
        foreach (PreferencePair[] some in TokenBatches.Of(batch, pair => pair.Tokens))
        {
            (SequenceScore Chosen, SequenceScore Rejected)[] scores = model.Score(some);
            result.AddRange(some.Select((pair, i) => new ReferencedPair(pair, scores[i].Chosen, scores[i].Rejected)));
        }

        return [.. result];
    }

    private static LabelledSequence Label(TokenSequence sequence)
        => new(sequence.Tokens, [.. sequence.Tokens.Select((token, i) => sequence.Scored[i] ? token : Ignored)]);

    private static TokenSequence Scored(LabelledSequence sequence) => new(sequence.Tokens, [.. sequence.Labels.Select(label => label != Ignored)]);

    private static double[] Tokens<TSample>(TSample[][][] clients, Func<TSample, int> tokens)
        => [.. clients.Select(steps => steps.Sum(batch => batch.Sum(sample => (double)tokens(sample))))];

    private static TOut[][][] Map<TIn, TOut>(TIn[][][] clients, Func<TIn, TOut> map)
        => [.. clients.Select(steps => steps.Select(batch => batch.Select(map).ToArray()).ToArray())];

    private sealed record BatchFile<TSample>(string Task, TSample[][][] Clients)
    {
        public double LearningRate { get; init; } = 1e-3;

        public double MaxGradNorm { get; init; } = 1;

        public double Beta { get; init; } = 0.1;
    }

    private sealed record LabelledSequence(int[] Tokens, int[] Labels);

    private sealed record LabelledPair(LabelledSequence Chosen, LabelledSequence Rejected);
}
