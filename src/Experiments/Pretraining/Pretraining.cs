using System.Text;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.Training;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Pretraining;

/// <summary>Progress of a pretraining.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps to do.</param>
/// <param name="Loss">Loss of the last step, nats per token.</param>
/// <param name="TokensPerSecond">Tokens a second since the last report.</param>
public sealed record PretrainProgress(int Step, int Steps, double Loss, double TokensPerSecond);

/// <summary>Makes a small base model: a byte-level BPE tokenizer and a decoder, both trained on one text. A pure function of configuration and corpus.</summary>
public static class Pretraining
{
    private const string EndOfText = "<|endoftext|>";
    private const int ReportEvery = 25;

    /// <summary>Trains and writes a Hugging Face model directory; returns the mean loss of the last steps.</summary>
    /// <param name="config">What to make.</param>
    /// <param name="output">The directory to write.</param>
    /// <param name="threads">Threads to use; never changes the result.</param>
    /// <param name="progress">Hears of progress, or null.</param>
    /// <param name="clock">Measures speed.</param>
    /// <param name="cancellationToken">Stops between steps; nothing is written then.</param>
    /// <exception cref="InputFileException">The corpus cannot be read or is too small.</exception>
    public static double Run(
        PretrainConfig config, string output, int threads, Action<PretrainProgress>? progress, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(clock);

        // Tokenizer: learned on the documents, end-of-text as id 0.
        IReadOnlyList<string> documents = Documents(config.Corpus);
        BytePairVocabulary vocabulary = BytePairTrainer.Train(
            documents,
            new BytePairTrainerOptions { VocabularySize = config.VocabularySize, SpecialTokens = [EndOfText], EndOfSequence = EndOfText });
        ITokenizer tokenizer = Load(vocabulary);
        int[] stream = Encode(documents, tokenizer);
        if (stream.Length <= config.SequenceLength)
        {
            throw new InputFileException(config.Corpus, null, $"holds {stream.Length} tokens, but one window has {config.SequenceLength}", "Give a longer corpus");
        }

        // Model and optimizer.
        ModelConfig model = Model(config, tokenizer);
        DecoderWeights weights = InitialWeights.Draw(model, (ulong)config.Seed);
        using var workers = new Workers(threads);
        var trainer = new FullTrainer(weights, new AdamWSettings(Beta2: 0.95, WeightDecay: config.WeightDecay), workers);

        // Windows of the stream, drawn with replacement; every token but a window's first is scored.
        var batch = new TokenSequence[config.BatchSize];
        bool[] scored = [.. Enumerable.Range(0, config.SequenceLength).Select(i => i > 0)];
        long started = clock.GetTimestamp();
        double recent = 0;
        for (int step = 0; step < config.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var random = new CounterRandom((ulong)config.Seed, RandomPurpose.DataSampling, round: step);
            ulong position = 0;
            for (int i = 0; i < batch.Length; i++)
            {
                int first = (int)random.Below((uint)(stream.Length - config.SequenceLength + 1), ref position);
                batch[i] = new TokenSequence(stream[first..(first + config.SequenceLength)], scored);
            }

            StepResult result = trainer.Step(batch, LearningRate(config, step), config.MaxGradNorm);
            recent = step == 0 ? result.Loss : (0.98 * recent) + (0.02 * result.Loss);
            if ((step + 1) % ReportEvery == 0 || step + 1 == config.Steps)
            {
                double seconds = clock.GetElapsedTime(started).TotalSeconds;
                int steps = (step % ReportEvery) + 1;
                progress?.Invoke(new PretrainProgress(step + 1, config.Steps, recent, steps * (double)result.Tokens / seconds));
                started = clock.GetTimestamp();
            }
        }

        Directory.CreateDirectory(output);
        vocabulary.Save(output);
        ModelDirectory.Save(output, weights, config.Bfloat16 ? TensorType.BF16 : TensorType.F32);
        return recent;
    }

    // Read back from files as every user of the model will, in a folder that does not stay: the output is written when all is done.
    private static ITokenizer Load(BytePairVocabulary vocabulary)
    {
        string folder = Directory.CreateTempSubdirectory("fedllm-pretrain-").FullName;
        try
        {
            vocabulary.Save(folder);
            return TokenizerDirectory.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Linear warm-up, then a cosine to the minimum at the last step.
    private static double LearningRate(PretrainConfig config, int step)
    {
        if (step < config.WarmupSteps)
        {
            return config.LearningRate * (step + 1) / config.WarmupSteps;
        }

        double done = (double)(step - config.WarmupSteps) / Math.Max(1, config.Steps - config.WarmupSteps);
        return config.MinLearningRate + (0.5 * (config.LearningRate - config.MinLearningRate) * (1 + ScalarMath.Cos(Math.PI * done)));
    }

    private static IReadOnlyList<string> Documents(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new InputFileException(path, null, $"cannot be read ({e.GetType().Name})", "Name a UTF-8 text file", e);
        }

        var documents = new List<string>();
        var text = new StringBuilder();
        foreach (string line in lines)
        {
            if (line == EndOfText)
            {
                documents.Add(text.ToString().TrimEnd('\n'));
                text.Clear();
            }
            else
            {
                text.Append(line).Append('\n');
            }
        }

        if (text.Length > 0)
        {
            documents.Add(text.ToString().TrimEnd('\n'));
        }

        return documents.Count > 0 ? documents : throw new InputFileException(path, null, "holds no document", "Give a text");
    }

    private static int[] Encode(IReadOnlyList<string> documents, ITokenizer tokenizer)
    {
        var stream = new List<int>();
        foreach (string document in documents)
        {
            stream.AddRange(tokenizer.Encode(document).Select(t => t.Id));
            stream.Add(tokenizer.EndOfSequenceId!.Value);
        }

        return [.. stream];
    }

    private static ModelConfig Model(PretrainConfig config, ITokenizer tokenizer) => new()
    {
        Family = ModelFamily.Llama,
        HiddenSize = config.HiddenSize,
        IntermediateSize = config.IntermediateSize,
        Layers = config.Layers,
        Heads = config.Heads,
        KeyValueHeads = config.KeyValueHeads,
        HeadSize = config.HiddenSize / config.Heads,
        VocabularySize = tokenizer.VocabularySize,
        MaxPositions = config.MaxPositions,
        NormEpsilon = 1e-5f,
        RopeTheta = config.RopeTheta,
        TiedEmbeddings = config.Tied,
        EndOfSequenceIds = [tokenizer.EndOfSequenceId!.Value],
    };
}
