namespace FedLLM.Experiments.Configuration;

/// <summary>
/// Published systems' values where they differ from the defaults, as their scripts have them: OpenFedLLM's training_scripts/run_sft.sh and
/// run_dpo.sh (with config.py behind them), FederatedGPT-Shepherd's main.py (fl_finetune). A batch size there is the micro-batch here.
/// </summary>
internal static class Presets
{
    /// <summary>Returns the preset's values by key, as YAML text.</summary>
    public static IReadOnlyDictionary<string, string> Values(Preset preset) => preset switch
    {
        Preset.OpenFedLlmSft => new Dictionary<string, string>
        {
            ["federation.rounds"] = "200",
            ["federation.clients_per_round"] = "2",
            ["federation.sampling"] = "openfedllm",
            ["data.partition.clients"] = "20",
            ["data.limit"] = "20000",
            ["data.template"] = "alpaca",
            ["training.learning_rate"] = "5e-5",
            ["training.min_learning_rate"] = "1e-6",
            ["lora.rank"] = "32",
            ["lora.alpha"] = "64",
        },
        Preset.OpenFedLlmDpo => new Dictionary<string, string>
        {
            ["task"] = "dpo",
            ["federation.rounds"] = "200",
            ["federation.clients_per_round"] = "2",
            ["federation.sampling"] = "openfedllm",
            ["data.partition.clients"] = "5",
            ["data.limit"] = "20000",
            ["data.template"] = "vicuna",
            ["training.learning_rate"] = "5e-4",
            ["training.min_learning_rate"] = "1e-5",
            ["lora.rank"] = "8",
            ["lora.alpha"] = "16",
        },
        _ => new Dictionary<string, string>
        {
            ["seed"] = "42",
            ["federation.rounds"] = "50",
            ["federation.fraction"] = "0.1",
            ["federation.sampling"] = "fedit",
            ["data.partition.scheme"] = "files",
            ["data.scored"] = "all",
            ["training.batch_size"] = "8",
            ["training.gradient_accumulation"] = "8",
            ["training.epochs"] = "10",
            ["training.learning_rate"] = "3e-4",
            ["training.min_learning_rate"] = "0",
            ["training.schedule"] = "linear-by-step",
            ["lora.rank"] = "16",
            ["lora.alpha"] = "16",
            ["lora.targets"] = "[q_proj]",
        },
    };
}
