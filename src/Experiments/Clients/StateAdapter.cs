using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// A global state as one adapter on the original base model: the global adapter, and where the base has a correction, both joined into one of higher rank
/// (at most min(out, in) more, see <see cref="StackedCorrection"/>). What a run directory's <c>adapter/</c> shows, and what is evaluated.
/// </summary>
/// <param name="lora">The global adapter's configuration; without patterns where the base is corrected.</param>
/// <param name="baseModel">The base model's path or name, for PEFT to find it by.</param>
public sealed class StateAdapter(LoraConfig lora, string baseModel)
{
    private readonly byte[] _config = PeftAdapter.ConfigBytes(lora, baseModel);

    /// <summary>Returns what shows the states of an experiment's run.</summary>
    public static StateAdapter For(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        return new StateAdapter(experiment.Lora.ToConfig(), experiment.Model.Path);
    }

    /// <summary>Returns the adapter and its configuration.</summary>
    public (LoraConfig Config, TensorSet Tensors) Join(GlobalState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.BaseCorrection is not { } correction)
        {
            return (lora, state.Adapter);
        }

        double scaling = lora.Alpha / (lora.RankStabilized ? Math.Sqrt(lora.Rank) : lora.Rank);
        TensorSet joined = StackedCorrection.Join(state.Adapter, scaling, correction);
        int rank = LoraNames.Pairs(joined.Layout).Max(p => p.Rank);
        return (lora with { Rank = rank, Alpha = rank, RankStabilized = false }, joined);
    }

    /// <summary>Returns what <c>adapter/</c> shows of a state; the same state gives the same bytes.</summary>
    public AdapterExport Of(GlobalState state)
    {
        (LoraConfig config, TensorSet tensors) = Join(state);
        return new AdapterExport(ReferenceEquals(config, lora) ? _config : PeftAdapter.ConfigBytes(config, baseModel), tensors);
    }
}
