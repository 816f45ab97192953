using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>What goes down to a client and comes up from it in one round: tensors and bytes of float32.</summary>
internal sealed class RoundPayload
{
    private readonly ILoraAggregation _aggregation;
    private readonly int _round;
    private readonly TensorLayout _global;
    private readonly bool _control;
    private readonly long _correction;
    private readonly Dictionary<TensorLayout, (TensorLayout Up, long Down)> _parts = []; // by the client's layout: ranks are few

    /// <summary>Prepares a round.</summary>
    /// <param name="aggregation">Says which factors move.</param>
    /// <param name="round">The round, from 1.</param>
    /// <param name="state">The state before it.</param>
    /// <param name="control">Whether control variates move, too.</param>
    public RoundPayload(ILoraAggregation aggregation, int round, GlobalState state, bool control)
    {
        (_aggregation, _round, _global, _control) = (aggregation, round, state.Adapter.Layout, control);
        _correction = state.BaseCorrection?.Layout.Count ?? 0;
    }

    /// <summary>Returns the tensors of a client's update.</summary>
    public TensorLayout Update(int client) => Of(client).Up;

    /// <summary>Returns the bytes sent to a client: its factors, the base correction, the control variate.</summary>
    public long Down(int client) => sizeof(float) * (Of(client).Down + _correction + (_control ? Update(client).Count : 0));

    /// <summary>Returns the bytes of a client's update and control delta.</summary>
    public long Up(int client) => sizeof(float) * (long)Update(client).Count * (_control ? 2 : 1);

    private (TensorLayout Up, long Down) Of(int client)
    {
        TensorLayout layout = _aggregation.ClientLayout(_global, client);
        if (!_parts.TryGetValue(layout, out (TensorLayout Up, long Down) parts))
        {
            parts = (LoraNames.Part(layout, _aggregation.Uploaded(_round)), LoraNames.Part(layout, _aggregation.Downloaded(_round)).Count);
            _parts.Add(layout, parts);
        }

        return parts;
    }
}
