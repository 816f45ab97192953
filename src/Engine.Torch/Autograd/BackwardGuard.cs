using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Autograd;

/// <summary>
/// Runs what a backward pass calls back. Torch calls it through native frames, which no exception may cross: a failure, such as memory that ran out, is kept, the rest of
/// the pass gets zeros, and <see cref="ThrowIfFailed"/> throws it once the pass is over.
/// </summary>
internal sealed class BackwardGuard(Device device, ScalarType type) : IDisposable
{
    private readonly Tensor _zero = zeros(1, type, device).DetachFromDisposeScope();
    private ExceptionDispatchInfo? _failure;
    private Tensor? _returned;

    /// <summary>Called where a layer has been computed again and its graph is whole, or null.</summary>
    public Action? Full { get; set; }

    /// <summary>Computes the gradient that a function hands down.</summary>
    /// <param name="gradient">What came from above; disposed at the end.</param>
    /// <param name="rows">Rows of what is handed down.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="compute">Makes it in a dispose scope of its own, or null where nothing below needs one.</param>
    public Tensor? Run(Tensor gradient, long rows, long columns, Func<Tensor, Tensor?> compute)
    {
        // Torch copies the handle of what was returned, and leaves ours. It is not disposed by any scope of this thread, which may be one of Torch's own.
        _returned?.Dispose();
        _returned = null;
        try
        {
            if (_failure is null)
            {
                using var scope = NewDisposeScope();
                _returned = compute(gradient)?.DetachFromDisposeScope();
                return _returned;
            }
        }
        catch (Exception e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            gradient.Dispose();
        }

        _returned = _zero.expand(rows, columns).DetachFromDisposeScope();
        return _returned;
    }

    /// <summary>Throws what was thrown within the backward pass that has ended.</summary>
    public void ThrowIfFailed()
    {
        _returned?.Dispose();
        _returned = null;
        ExceptionDispatchInfo? failure = _failure;
        _failure = null;
        failure?.Throw();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _zero.Dispose();
        _returned?.Dispose();
    }
}
