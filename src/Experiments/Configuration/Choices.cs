namespace FedLLM.Experiments.Configuration;

/// <summary>What clients learn.</summary>
public enum TaskKind
{
    /// <summary><c>sft</c>: instruction tuning, loss on the response.</summary>
    Sft,

    /// <summary><c>dpo</c>: value alignment by direct preference optimization, on pairs of answers.</summary>
    Dpo,
}

/// <summary>A published system's values, taken where the file says nothing.</summary>
public enum Preset
{
    /// <summary><c>openfedllm-sft</c>: OpenFedLLM's run_sft.sh.</summary>
    OpenFedLlmSft,

    /// <summary><c>openfedllm-dpo</c>: OpenFedLLM's run_dpo.sh.</summary>
    OpenFedLlmDpo,

    /// <summary><c>shepherd</c>: FederatedGPT-Shepherd's main.py.</summary>
    Shepherd,
}

/// <summary>Where a model computes.</summary>
public enum DeviceKind
{
    /// <summary><c>auto</c>: the best device there is.</summary>
    Auto,

    /// <summary><c>cpu</c>: the float32 engine of this project.</summary>
    Cpu,

    /// <summary><c>cuda</c>: a GPU, by the Torch engine.</summary>
    Cuda,

    /// <summary><c>torch-cpu</c>: the Torch engine on the CPU, for checks.</summary>
    TorchCpu,
}

/// <summary>How base weights are kept in memory.</summary>
public enum WeightType
{
    /// <summary><c>float32</c>.</summary>
    Float32,

    /// <summary><c>bfloat16</c>.</summary>
    Bfloat16,
}

/// <summary>How a dataset is cut into shards.</summary>
public enum PartitionScheme
{
    /// <summary><c>iid</c>: OpenFedLLM's strided shards of the shuffled data.</summary>
    Iid,

    /// <summary><c>files</c>: one client per file.</summary>
    Files,

    /// <summary><c>dirichlet</c>: each label's records shared out by a Dirichlet draw.</summary>
    Dirichlet,

    /// <summary><c>shards</c>: records sorted by label, a few runs of them for each client.</summary>
    Shards,

    /// <summary><c>by-field</c>: one client per value of the field.</summary>
    ByField,

    /// <summary><c>quantity</c>: one distribution, log-normal sizes.</summary>
    Quantity,
}

/// <summary>Where a cluster's shards lie.</summary>
public enum DataPlacement
{
    /// <summary><c>shared</c>: every silo can read all of them.</summary>
    Shared,

    /// <summary><c>pinned</c>: each on one silo, and its client trains there and nowhere else.</summary>
    Pinned,
}

/// <summary>The federated algorithm.</summary>
public enum Algorithm
{
    /// <summary><c>fedavg</c>.</summary>
    FedAvg,

    /// <summary><c>fedprox</c>: a proximal term in the clients' loss.</summary>
    FedProx,

    /// <summary><c>scaffold</c>: control variates.</summary>
    Scaffold,

    /// <summary><c>fedavgm</c>: server momentum.</summary>
    FedAvgM,

    /// <summary><c>fedadagrad</c>.</summary>
    FedAdagrad,

    /// <summary><c>fedyogi</c>.</summary>
    FedYogi,

    /// <summary><c>fedadam</c>.</summary>
    FedAdam,

    /// <summary><c>local</c>: one client alone, or every client by itself.</summary>
    Local,

    /// <summary><c>centralized</c>: one client that holds all shards.</summary>
    Centralized,
}

/// <summary>How LoRA factors of several clients become one adapter.</summary>
public enum LoraAggregation
{
    /// <summary><c>average</c>: A and B apart (FedIT).</summary>
    Average,

    /// <summary><c>ffa</c>: A is frozen.</summary>
    Ffa,

    /// <summary><c>rolora</c>: B in odd rounds, A in even ones.</summary>
    RoLora,

    /// <summary><c>flora</c>: stacked factors, merged into the base.</summary>
    Flora,

    /// <summary><c>flexlora</c>: a singular value decomposition of the summed product.</summary>
    FlexLora,

    /// <summary><c>hetlora</c>: padded factors, weighted by the norms of their products.</summary>
    HetLora,

    /// <summary><c>fedex</c>: averaged factors, and the exact residual on the base.</summary>
    FedEx,

    /// <summary><c>fedsa</c>: only A is shared.</summary>
    FedSa,
}

/// <summary>How cohorts are drawn.</summary>
public enum CohortSampling
{
    /// <summary><c>uniform</c>: without replacement, from the run's seed.</summary>
    Uniform,

    /// <summary><c>openfedllm</c>: Python's <c>random.seed(t)</c>, the same for every seed.</summary>
    OpenFedLlm,

    /// <summary><c>fedit</c>: NumPy's <c>np.random.seed(t)</c>, as Shepherd's; the same for every seed.</summary>
    FedIt,

    /// <summary><c>weighted</c>: in proportion to the shards' sizes, without replacement.</summary>
    Weighted,

    /// <summary><c>round-robin</c>: every client once before any a second time.</summary>
    RoundRobin,

    /// <summary><c>fixed-fraction</c>: uniform, with a share of the clients in place of a number.</summary>
    FixedFraction,
}

/// <summary>What a centralized run has in common with the federated one that it stands beside.</summary>
public enum Pooling
{
    /// <summary><c>equal-steps</c>: as many optimizer steps a round as one client takes.</summary>
    EqualSteps,

    /// <summary><c>equal-samples</c>: as many optimizer steps a round as the whole cohort takes, so that as many samples are seen.</summary>
    EqualSamples,
}

/// <summary>The preference loss.</summary>
public enum PreferenceLoss
{
    /// <summary><c>sigmoid</c>: DPO's own.</summary>
    Sigmoid,

    /// <summary><c>ipo</c>: the squared distance of IPO.</summary>
    Ipo,

    /// <summary><c>hinge</c>: SLiC's hinge.</summary>
    Hinge,
}

/// <summary>Which policy a preference loss compares with.</summary>
public enum ReferencePolicy
{
    /// <summary><c>base</c>: the base model, adapter off.</summary>
    Base,

    /// <summary><c>round</c>: the round's global adapter.</summary>
    Round,

    /// <summary>A path: the adapter in that folder. The policy starts from it too.</summary>
    Adapter,
}

/// <summary>How micro-batches of one optimizer step combine.</summary>
public enum Accumulation
{
    /// <summary><c>micro-batch-mean</c>: the mean of the micro-batches' means.</summary>
    MicroBatchMean,

    /// <summary><c>token-mean</c>: the mean over all scored tokens (with pairs: over all pairs) of the step.</summary>
    TokenMean,
}

/// <summary>The learning rate over the run.</summary>
public enum LearningRateSchedule
{
    /// <summary><c>cosine-by-round</c>: m + (eta - m)(1 + cos(pi t / T)) / 2 in round t + 1 of T, m = the minimum.</summary>
    CosineByRound,

    /// <summary><c>constant</c>.</summary>
    Constant,

    /// <summary><c>linear-by-round</c>: m + (eta - m)(1 - t / T) in round t + 1 of T, m = the minimum.</summary>
    LinearByRound,

    /// <summary><c>cosine-by-step</c>: the cosine over the optimizer steps of a client in a round, begun anew in each.</summary>
    CosineByStep,

    /// <summary><c>linear-by-step</c>: the line over the optimizer steps of a client in a round, begun anew in each.</summary>
    LinearByStep,
}

/// <summary>The clients' optimizer.</summary>
public enum OptimizerKind
{
    /// <summary><c>adamw</c>: fresh for each client and round.</summary>
    AdamW,

    /// <summary><c>sgd</c>: stochastic gradient descent, with momentum.</summary>
    Sgd,
}

/// <summary>Whose own held-out data is measured after an evaluated round, with the global adapter and with the client's own.</summary>
public enum PersonalEvaluation
{
    /// <summary><c>none</c>: nobody's.</summary>
    None,

    /// <summary><c>members</c>: that of the round's members. Cost follows the cohort.</summary>
    Members,

    /// <summary><c>all</c>: every client's.</summary>
    All,
}

/// <summary>What an evaluation measures.</summary>
public enum EvaluationSuite
{
    /// <summary><c>loss</c>: nats per scored token of held-out samples.</summary>
    Loss,

    /// <summary><c>preference</c>: how often and how far the chosen answer of held-out pairs is preferred.</summary>
    Preference,
}
