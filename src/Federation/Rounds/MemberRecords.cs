using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Lora;
using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>
/// Describes a round's members for its record: what they measured, what moved, and how long their updates are and where they point. Reads every update once,
/// one in memory at a time; each number depends on its member and the mean alone, so the order of arrival does not matter.
/// </summary>
internal static class MemberRecords
{
    /// <summary>Returns the members' records, in their order.</summary>
    /// <param name="members">The members.</param>
    /// <param name="mean">The mean along which the server optimizer steps; null where there is none.</param>
    /// <param name="payload">What moved.</param>
    /// <param name="store">Holds the updates.</param>
    /// <param name="cancellationToken">Stops between members.</param>
    /// <exception cref="UpdateRejectedException">An update has other tensors.</exception>
    /// <exception cref="IOException">An update cannot be read.</exception>
    public static ClientRecord[] Of(
        IReadOnlyList<ClientReceipt> members, TensorSet? mean, RoundPayload payload, ITensorStore store, CancellationToken cancellationToken)
    {
        double meanNorm = mean is null ? 0 : Reduce.Norm(mean.Values);
        var records = new ClientRecord[members.Count];
        TensorSet? update = null;
        for (int i = 0; i < records.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ClientReceipt member = members[i];
            TensorLayout layout = payload.Update(member.Client);
            if (update is null || !update.Layout.Equals(layout))
            {
                update = new TensorSet(layout);
            }

            if (!store.TryGet(member.UpdateHash, update))
            {
                throw new UpdateRejectedException(member.Client, null, "its tensors are not the adapter's");
            }

            double norm = Reduce.Norm(update.Values);
            records[i] = new ClientRecord(member.Client, member.Metrics.Loss, member.Metrics.Tokens, member.Metrics.Seconds, member.Weight)
            {
                BytesDown = payload.Down(member.Client),
                BytesUp = payload.Up(member.Client),
                Rewards = member.Metrics.Rewards,
                Norm = norm,
                Cosine = norm > 0 && meanNorm > 0 && layout.Equals(mean!.Layout)
                    ? Math.Clamp(Reduce.DotDouble(update.Values, mean.Values) / (norm * meanNorm), -1, 1)
                    : null,
            };
        }

        return records;
    }
}
