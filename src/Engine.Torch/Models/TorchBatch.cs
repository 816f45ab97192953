using FedLLM.Engine.Kernels;
using FedLLM.Engine.Torch.Weights;
using FedLLM.Engine.Training;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>A packed batch on the device. Its tensors live in the dispose scope it was made in.</summary>
internal sealed class TorchBatch
{
    /// <summary>Copies <paramref name="batch"/> to <paramref name="weights"/>' device.</summary>
    public TorchBatch(PackedBatch batch, TorchWeights weights)
    {
        Spans = batch.Spans.ToArray();
        Rows = batch.Rows;
        Tokens = HostCopy.Indices(batch.Tokens, weights.Device);
        Tensor positions = HostCopy.Indices(batch.Positions, weights.Device).to(ScalarType.Float32).unsqueeze(1); // [T,1]
        Tensor angles = positions * weights.Frequencies; // [T,d/2]
        Tensor both = cat([angles, angles], 1).unsqueeze(1); // [T,1,d]
        Cosine = both.cos().to(weights.Type);
        Sine = both.sin().to(weights.Type);
    }

    /// <summary>T.</summary>
    public int Rows { get; }

    /// <summary>The sequences, on the host.</summary>
    public AttentionSpan[] Spans { get; }

    /// <summary>Token ids, [T].</summary>
    public Tensor Tokens { get; }

    /// <summary>Cosines of the rotary embedding, [T,1,d].</summary>
    public Tensor Cosine { get; }

    /// <summary>Sines, likewise.</summary>
    public Tensor Sine { get; }
}
