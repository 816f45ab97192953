using FedLLM.Data.Examples;
using FedLLM.Data.Samples;

namespace FedLLM.Experiments.Configuration;

/// <summary>
/// What no key can tell alone: values that do not fit one another, and values of the design that are not built yet. It looks at what could be read, so
/// that these errors are listed together with those of single keys.
/// </summary>
internal static class Consistency
{
    /// <summary>Notes every inconsistency where its keys were given.</summary>
    public static void Check(Settings settings)
    {
        DataConsistency.Check(settings);
        CheckTask(settings);
        CheckTraining(settings);
        CohortConsistency.Check(settings);
        AlgorithmConsistency.Check(settings);
        if (settings.TryGet("training.schedule", out LearningRateSchedule schedule)
            && schedule != LearningRateSchedule.Constant
            && settings.TryGet("training.min_learning_rate", out double minimum)
            && settings.TryGet("training.learning_rate", out double rate)
            && minimum > rate)
        {
            settings.AddAtOrigin("training.min_learning_rate", "is above training.learning_rate; a schedule falls, it does not rise");
        }
    }

    private static void CheckTask(Settings settings)
    {
        if (!settings.TryGet("task", out TaskKind task))
        {
            return;
        }

        SampleKind kind = task == TaskKind.Dpo ? SampleKind.Pair : SampleKind.Sequence;
        if (settings.TryGet<RecordFormat>("data.format", out var format) && format.Kind != kind)
        {
            settings.AddAtOrigin("data.format", kind == SampleKind.Pair
                ? "is a format of instructions or dialogues, and task dpo learns from pairs of answers; choose preference, hh-rlhf or hh-rlhf-openfedllm"
                : "is a format of preference pairs, and task sft learns from single answers; choose another, or set task to dpo");
        }

        if (settings.TryGet<IReadOnlyList<EvaluationSuite>>("evaluation.suites", out var suites))
        {
            if (kind == SampleKind.Pair && suites.Contains(EvaluationSuite.Loss))
            {
                settings.AddAtOrigin("evaluation.suites", "names loss, which is measured on single answers; task dpo has pairs: write [preference]");
            }
            else if (kind == SampleKind.Sequence && suites.Contains(EvaluationSuite.Preference))
            {
                settings.AddAtOrigin("evaluation.suites", "names preference, which is measured on pairs of answers; task sft has none: write [loss]");
            }
        }

        if (kind == SampleKind.Pair)
        {
            CheckPairs(settings);
        }
    }

    private static void CheckPairs(Settings settings)
    {
        Refuse("data.overlong", OverlongPolicy.TrimPrompt, "belongs to task sft; pairs are truncated as dpo.max_prompt_length says");
        Refuse("data.scored", ScoredTokens.All, "belongs to task sft; of pairs the answers are scored");
        Refuse("data.turns", TrainedTurns.Last, "belongs to task sft; of pairs the answers are scored");
        if (settings.TryGet("dpo.max_prompt_length", out long prompt) && settings.TryGet("data.max_length", out long length) && prompt >= length)
        {
            settings.AddAtOrigin("dpo.max_prompt_length", "must be below data.max_length; the rest is the answers'");
        }

        if (settings.TryGet("dpo.label_smoothing", out double smoothing) && smoothing > 0
            && settings.TryGet("dpo.loss", out PreferenceLoss loss) && loss != PreferenceLoss.Sigmoid)
        {
            settings.AddAtOrigin("dpo.label_smoothing", "belongs to dpo.loss sigmoid; write 0 with the others");
        }

        void Refuse<T>(string path, T refused, string message)
            where T : struct, Enum
        {
            if (settings.TryGet(path, out T value) && value.Equals(refused))
            {
                settings.AddAtOrigin(path, message);
            }
        }
    }

    private static void CheckTraining(Settings settings)
    {
        if (settings.TryGet("training.optimizer", out OptimizerKind optimizer))
        {
            if (optimizer != OptimizerKind.Sgd && settings.TryGet<double>("training.momentum", out _))
            {
                settings.AddAtOrigin("training.momentum", "belongs to training.optimizer sgd; remove it, or choose that");
            }
            else if (optimizer == OptimizerKind.Sgd && settings.IsNone("training.momentum"))
            {
                settings.AddAtOrigin("training.momentum", "must be a number with training.optimizer sgd; 0 is none");
            }
        }

        bool countsEpochs = settings.TryGet<double>("training.epochs", out _);
        if (countsEpochs && settings.TryGet<long>("training.max_steps", out _))
        {
            settings.AddAtOrigin("training.epochs", "stands beside training.max_steps; keep one of them");
        }
        else if (!countsEpochs && settings.IsNone("training.max_steps"))
        {
            settings.AddAtOrigin("training.max_steps", "must be a number; none is for training.epochs");
        }

        if (!settings.TryGet("training.schedule", out LearningRateSchedule schedule) || !settings.TryGet("training.warmup", out long warmup) || warmup == 0)
        {
            return;
        }

        if (schedule == LearningRateSchedule.Constant)
        {
            settings.AddAtOrigin("training.warmup", "belongs to the schedules by round and by step; write 0 with constant");
            return;
        }

        bool byRound = schedule is LearningRateSchedule.CosineByRound or LearningRateSchedule.LinearByRound;
        string limit = byRound ? "federation.rounds" : "training.max_steps";
        if (settings.TryGet(limit, out long available) && warmup >= available)
        {
            settings.AddAtOrigin("training.warmup", $"must be below {limit}");
        }
    }
}
