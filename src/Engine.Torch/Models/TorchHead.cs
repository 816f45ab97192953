using FedLLM.Engine.Torch.Weights;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>The head and log-softmax on rows that are already normed, in blocks, so that the logits of a whole batch never exist at once.</summary>
internal sealed class TorchHead(TorchWeights weights)
{
    // Logits of one block: 64 MiB of float32.
    private const int BlockElements = 16 * 1024 * 1024;

    /// <summary>Returns the logits [n,V] of normed rows [n,D], in float32.</summary>
    public Tensor Logits(Tensor normed) => nn.functional.linear(normed, weights.Head).to(ScalarType.Float32);

    /// <summary>Returns log p [n] of the targets, float32.</summary>
    public Tensor LogProbabilities(Tensor normed, Tensor targets) => Run(normed, targets, null);

    /// <summary>
    /// As <see cref="LogProbabilities"/>, with the gradient of each log p by its normed row, [n,D]: W_target - softmax(logits)·W, which does not depend on what the loss
    /// will make of it.
    /// </summary>
    public (Tensor LogProbabilities, Tensor Gradient) LogProbabilitiesAndGradient(Tensor normed, Tensor targets)
    {
        Tensor gradient = empty_like(normed);
        return (Run(normed, targets, gradient), gradient);
    }

    private Tensor Run(Tensor normed, Tensor targets, Tensor? gradient)
    {
        using IDisposable frozen = no_grad();
        long count = normed.shape[0];
        long block = Math.Max(1, BlockElements / weights.Config.VocabularySize);
        Tensor result = empty(count, ScalarType.Float32, weights.Device);
        for (long first = 0; first < count; first += block)
        {
            using var scope = NewDisposeScope();
            long rows = Math.Min(block, count - first);
            Tensor ids = targets.narrow(0, first, rows);
            Tensor all = nn.functional.log_softmax(Logits(normed.narrow(0, first, rows)), 1); // [rows,V]
            result.narrow(0, first, rows).copy_(all.gather(1, ids.unsqueeze(1)).squeeze(1));
            if (gradient is not null)
            {
                Tensor expected = all.exp_().to(weights.Type).matmul(weights.Head); // [rows,D]
                gradient.narrow(0, first, rows).copy_(weights.Head.index_select(0, ids).sub(expected));
            }
        }

        return result;
    }
}
