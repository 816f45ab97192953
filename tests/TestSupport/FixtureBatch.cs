using FedLLM.Engine.Files;
using FedLLM.Engine.Training;

namespace FedLLM.TestSupport;

/// <summary>Reads batches as the reference fixtures hold them: padded, with an attention mask, and labels of -100 where a token is not scored.</summary>
public static class FixtureBatch
{
    /// <summary>The unpadded sequences of the batch whose tensors' names begin with <paramref name="prefix"/>.</summary>
    public static TokenSequence[] Read(SafetensorsFile tensors, string prefix)
    {
        int columns = checked((int)tensors[prefix + "input_ids"].Shape[1]);
        long[] ids = tensors.ReadInt64(prefix + "input_ids");
        long[] mask = tensors.ReadInt64(prefix + "attention_mask");
        long[] labels = tensors.ReadInt64(prefix + "labels");
        return
        [
            .. Enumerable.Range(0, ids.Length / columns).Select(row =>
            {
                int[] present = [.. Enumerable.Range(row * columns, columns).Where(i => mask[i] == 1)];
                return new TokenSequence([.. present.Select(i => (int)ids[i])], [.. present.Select((i, position) => position > 0 && labels[i] != -100)]);
            }),
        ];
    }

    /// <summary>The pairs of the batch whose tensors' names begin with <paramref name="prefix"/>.</summary>
    public static PreferencePair[] ReadPairs(SafetensorsFile tensors, string prefix)
        => [.. Read(tensors, prefix + "chosen_").Zip(Read(tensors, prefix + "rejected_"), (chosen, rejected) => new PreferencePair(chosen, rejected))];
}
