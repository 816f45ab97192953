using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Log-softmax of rows of logits [R,V]: log p(target) = z[target] - max - log Σ exp(z - max), and the gradient of a weighted sum of them.
/// </summary>
/// <remarks>The sum is the fixed 16-lane tree. A NaN logit makes its own row NaN.</remarks>
internal static unsafe class CrossEntropy
{
    /// <summary>
    /// Writes log p(target) of every row and replaces its logits by factor · (onehot(target) - softmax), the gradient of factor · log p(target).
    /// </summary>
    public static void LogProbabilitiesAndGradient(Workers workers, float* logits, int* targets, float factor, float* logProbabilities, int rows, int vocabulary)
        => workers.Run(rows, new BackwardWork(logits, targets, factor, logProbabilities, vocabulary));

    // The greatest logit and Σ exp(z - max); leaves exp(z - max) in place of the logits.
    private static (float Max, float Sum) Exponentials(float* row, int vocabulary)
    {
        float highest = Reduce.Max(new ReadOnlySpan<float>(row, vocabulary));
        Vector512<float> sum = Vector512<float>.Zero;
        Vector512<float> shift = Vector512.Create(highest);
        for (int i = 0; i < vocabulary; i += Lanes.Width)
        {
            int count = vocabulary - i;
            Vector512<float> value = Lanes.Keep(VectorMath.Exp(Lanes.Load(row + i, count) - shift), count);
            sum += value;
            Lanes.Store(value, row + i, count);
        }

        return (highest, Reduce.FoldSum(sum));
    }

    private static float LogProbability(float logit, float max, float sum) => logit - max - VectorMath.Log(Vector512.Create(sum)).ToScalar();

    private readonly struct BackwardWork(float* logits, int* targets, float factor, float* logProbabilities, int vocabulary) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            float* row = logits + ((long)task * vocabulary);
            int target = targets[task];
            float logit = row[target];
            var (max, sum) = Exponentials(row, vocabulary);
            logProbabilities[task] = LogProbability(logit, max, sum);
            Vector512<float> scale = Vector512.Create(-factor / sum);
            for (int i = 0; i < vocabulary; i += Lanes.Width)
            {
                int count = vocabulary - i;
                Lanes.Store(Lanes.Load(row + i, count) * scale, row + i, count);
            }

            row[target] += factor;
        }
    }
}
