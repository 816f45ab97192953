using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace FedLLM.Grains.Tests;

/// <summary>Keeps what silos ask each other and answer, exceptions included, as it is written on the wire.</summary>
internal sealed class MessageTap : IOutgoingGrainCallFilter
{
    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().BuildServiceProvider();

    /// <summary>A call's name and its bytes, which hold texts in UTF-8.</summary>
    public ConcurrentQueue<(string Call, string Bytes)> Heard { get; } = [];

    /// <inheritdoc/>
    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        string call = $"{context.InterfaceName}.{context.MethodName} of {context.TargetId}";
        for (int i = 0; i < context.Request.GetArgumentCount(); i++)
        {
            Keep(call, context.Request.GetArgument(i));
        }

        try
        {
            await context.Invoke();
        }
        catch (Exception fault)
        {
            Keep(call, fault);
            throw;
        }

        Keep(call, context.Result);
    }

    private void Keep(string call, object? message)
    {
        // The runtime's own grains exchange what is not written, and nothing of a run.
        if (call.Contains("FedLLM", StringComparison.Ordinal))
        {
            Heard.Enqueue((call, Encoding.Latin1.GetString(_services.GetRequiredService<Serializer>().SerializeToArray(message))));
        }
    }
}
