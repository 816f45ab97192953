using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Running;

/// <summary>Makes of an experiment's options what reads records and makes samples of them.</summary>
internal static class SampleEncoders
{
    /// <summary>Reads records of the experiment's format and task.</summary>
    public static ExampleReader Reader(Experiment experiment) =>
        new(experiment.Data.Format, kind: experiment.Task == TaskKind.Dpo ? SampleKind.Pair : SampleKind.Sequence);

    /// <summary>Instruction tuning: sequences with scored tokens.</summary>
    public static SampleEncoder Sequences(Experiment experiment, ITokenizer tokenizer)
    {
        DataOptions options = experiment.Data;
        return new SampleEncoder(tokenizer, options.Template, options.MaxLength, options.Overlong) { Scored = options.Scored, Turns = options.Turns };
    }

    /// <summary>Preference learning: pairs of answers.</summary>
    public static PairEncoder Pairs(Experiment experiment, ITokenizer tokenizer) =>
        new(tokenizer, experiment.Data.Template, experiment.Data.MaxLength, experiment.Dpo.MaxPromptLength);
}
