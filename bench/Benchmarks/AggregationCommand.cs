using System.Diagnostics;
using System.Globalization;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>aggregation [--members 1000] [--out FILE]</c>: GB of updates per second that a fixed-point sum takes in, against a copy of the same bytes in memory; and the memory
/// that aggregating many updates, streamed from files, takes above the process's baseline. The adapter is that of a 7B model's q and v at rank 8: 16.8 MB.
/// </summary>
internal static class AggregationCommand
{
    private const int Distinct = 8; // updates in memory, or on disk: more than any cache holds
    private const int Repetitions = 15;

    private static readonly TensorLayout Layout = new(Enumerable.Range(0, 32).SelectMany(layer => new[] { "q_proj", "v_proj" }.SelectMany(module =>
        new (string, IReadOnlyList<int>)[]
        {
            ($"base_model.model.model.layers.{layer}.self_attn.{module}.lora_A.weight", [8, 4096]),
            ($"base_model.model.model.layers.{layer}.self_attn.{module}.lora_B.weight", [4096, 8]),
        })));

    private static long Bytes => sizeof(float) * (long)Layout.Count;

    /// <summary>Measures, prints the tables and writes them to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        int members = int.Parse(Arguments.Option(args, "--members") ?? "1000", CultureInfo.InvariantCulture);
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Aggregation");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- aggregation --members {members}`, {Machine.Describe()}.");
        text.WriteLine();
        MeasureMemory(members, text);
        MeasureThroughput(text);
        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }

    private static void MeasureThroughput(StringWriter text)
    {
        TensorSet[] updates = [.. Enumerable.Range(0, Distinct).Select(Update)];
        var plan = new FixedPointPlan(Layout, updates.Select((u, i) => new Member(i, 100 + i, TensorMagnitudes.Of(u))));
        var copy = new TensorSet(Layout);
        var sum = new FixedPointSum(plan);
        for (int i = 0; i < Distinct; i++)
        {
            sum.Add(i, updates[i]);
        }

        // Turn about, the best of each: other work on the machine disturbs both alike.
        double add = double.PositiveInfinity;
        double copying = double.PositiveInfinity;
        for (int repetition = 0; repetition < Repetitions; repetition++)
        {
            sum = new FixedPointSum(plan);
            sum.Merge(new FixedPointSum(plan)); // touches its memory
            for (int i = 0; i < Distinct; i++)
            {
                long start = Stopwatch.GetTimestamp();
                sum.Add(i, updates[i]);
                add = Math.Min(add, Stopwatch.GetElapsedTime(start).TotalSeconds);
                start = Stopwatch.GetTimestamp();
                updates[i].Values.AsSpan().CopyTo(copy.Values);
                copying = Math.Min(copying, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        text.WriteLine("## Throughput");
        text.WriteLine("One thread; an update is 16.8 MB; the best of several passes over updates in memory.");
        text.WriteLine();
        text.WriteLine("| | GB/s of update bytes | of the copy |");
        text.WriteLine("|---|---:|---:|");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| memory copy | {Bytes / copying / 1e9:F2} | 1.00 |"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| fixed-point sum (fedavg) | {Bytes / add / 1e9:F2} | {copying / add:F2} |"));
        text.WriteLine();
        text.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"The mean of these {Distinct} updates, before it is rounded to float32, differs from that of a sum in float64 by at most {Difference(updates, plan, sum):E1} of its largest value."));
    }

    private static double Difference(TensorSet[] updates, FixedPointPlan plan, FixedPointSum sum)
    {
        double largest = 0;
        double difference = 0;
        for (int tensor = 0; tensor < Layout.Slots.Count; tensor++)
        {
            TensorSlot slot = Layout.Slots[tensor];
            for (int j = slot.Offset; j < slot.Offset + slot.Count; j++)
            {
                double total = 0;
                for (int i = 0; i < Distinct; i++)
                {
                    total += (100.0 + i) * updates[i].Values[j];
                }

                double mean = total / plan.TotalWeight;
                largest = Math.Max(largest, Math.Abs(mean));
                difference = Math.Max(difference, Math.Abs((sum.Values[j] / (double)sum.Weight * Math.ScaleB(1, -plan.Exponents[tensor])) - mean));
            }
        }

        return difference / largest;
    }

    private static void MeasureMemory(int members, StringWriter text)
    {
        string folder = Directory.CreateTempSubdirectory("fedllm-aggregation").FullName;
        try
        {
            var store = new FileTensorStore(Path.Combine(folder, "store"));
            ClientReceipt[] stored = [.. Enumerable.Range(0, Distinct).Select(i => Store(store, i))];
            ClientReceipt[] receipts = [.. Enumerable.Range(0, members).Select(i => stored[i % Distinct] with { Client = i, Weight = 100 + i })];
            var state = new GlobalState(0, new TensorSet(Layout), new Dictionary<string, TensorSet>(), 0);

            // Two members first, so that all code is compiled and buffers are rented.
            new FedIt().Combine(1, state, new MemberUpdates(receipts.Take(2), MemberWeighting.Samples, store), default);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            long baseline = ResidentMemory.Now;
            ResidentMemory.ForgetPeak();
            long start = Stopwatch.GetTimestamp();
            Combined combined = new FedIt().Combine(1, state, new MemberUpdates(receipts, MemberWeighting.Samples, store), default);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            long above = ResidentMemory.Peak - baseline;
            GC.KeepAlive(combined);
            GC.KeepAlive(state);
            text.WriteLine("## Memory");
            text.WriteLine($"{members} updates streamed from {Distinct} files, each read and verified anew; resident memory above the process's baseline, at its peak.");
            text.WriteLine();
            text.WriteLine("| adapter, MB | updates, GB | above the baseline, MB | adapters' worth | seconds | GB/s |");
            text.WriteLine("|---:|---:|---:|---:|---:|---:|");
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {Bytes / 1e6:F1} | {members * Bytes / 1e9:F1} | {above / 1e6:F1} | {(double)above / Bytes:F2} | {seconds:F1} | {members * Bytes / seconds / 1e9:F2} |"));
            text.WriteLine();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ClientReceipt Store(FileTensorStore store, int index)
    {
        TensorSet update = Update(index);
        return new ClientReceipt(index, store.Put(update), 1, TensorMagnitudes.Of(update), new ClientMetrics(1, 1, 1));
    }

    private static TensorSet Update(int index)
    {
        var random = new CounterRandom(1, RandomPurpose.DataGeneration, client: index);
        var update = new TensorSet(Layout);
        for (int i = 0; i < update.Values.Length; i++)
        {
            update.Values[i] = (random.Uniform((ulong)i) - 0.5f) * 1e-3f;
        }

        return update;
    }
}
