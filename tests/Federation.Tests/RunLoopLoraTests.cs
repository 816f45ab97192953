using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Tests.Lora;
using FedLLM.Federation.Tests.Twins;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests;

/// <summary>Whole runs of every LoRA aggregation with a server optimizer that keeps much.</summary>
public sealed class RunLoopLoraTests
{
    private static readonly LoraShapes Equal = new(new LoraShape(3, 6));

    private static readonly LoraShapes Different = new(
        new LoraShape(3, 6), Enumerable.Range(0, 5).ToDictionary(c => c, c => new LoraShape(1 + (c % 3), 2 * (1 + (c % 3)))));

    public static TheoryData<string, string> Runs => new()
    {
        { "average", "scaffold" }, { "average", "fedadam" }, { "ffa", "scaffold" }, { "rolora", "fedadam" }, { "rolora", "scaffold" },
        { "fedsa", "scaffold" }, { "fedsa", "fedavgm" }, { "fedex", "scaffold" }, { "flora", "fedprox" }, { "flexlora", "fedavg" }, { "hetlora", "fedavg" },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task RunAsync_DeathAroundEveryWrite_ResumesToTheSameState(string aggregation, string optimizer)
    {
        TestRun whole = Run(aggregation, optimizer);
        string expected = Digest(await whole.RunAsync());
        foreach (string write in whole.Journal.Writes)
        {
            foreach (bool after in new[] { false, true })
            {
                TestRun run = Run(aggregation, optimizer);
                run.Journal.DieBefore = after ? null : write;
                run.Journal.DieAfter = after ? write : null;
                await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());
                Assert.Equal(expected, Digest(await run.RunAsync()));
                Assert.Equal(whole.Fleet.Trained, run.Fleet.Trained);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task RunAsync_AnswersInAnyOrder_GiveTheSameState(string aggregation, string optimizer)
    {
        string expected = Digest(await Run(aggregation, optimizer).RunAsync());
        TestRun run = Run(aggregation, optimizer);
        run.Fleet.Answer = (_, receipts) => receipts.Reverse();
        Assert.Equal(expected, Digest(await run.RunAsync()));
    }

    [Theory]
    [InlineData("average", "fedavg", "both", "both")]
    [InlineData("average", "scaffold", "both both", "both both")] // control variates double both ways
    [InlineData("ffa", "fedavg", "B", "B")]
    [InlineData("rolora", "fedavg", "both", "B")]
    [InlineData("fedsa", "fedavg", "A", "A")]
    [InlineData("flora", "fedavg", "", "both")]
    [InlineData("fedex", "fedavg", "both", "both")]
    public async Task RunAsync_FirstRound_CountsTheBytesThatMove(string aggregation, string optimizer, string down, string up)
    {
        TestRun run = Run(aggregation, optimizer);
        run.Settings = run.Settings with { Rounds = 1 };
        GlobalState final = await run.RunAsync();
        RoundRecord record = run.Journal.Records[1];
        Assert.All(record.Clients, c => Assert.Equal((Bytes(down), Bytes(up)), (c.BytesDown, c.BytesUp)));
        Assert.Equal((4 * Bytes(down), 4 * Bytes(up)), (record.BytesDown, record.BytesUp));
        Assert.Equal(record.BytesDown + record.BytesUp, final.BytesMoved);

        static long Bytes(string parts) => parts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Sum(p => 4L * LoraNames.Part(
            LoraRound.Layout(3), p switch { "A" => LoraFactors.A, "B" => LoraFactors.B, _ => LoraFactors.Both }).Count);
    }

    [Fact]
    public async Task RunAsync_BaseCorrection_IsSentHashedAndCounted()
    {
        TestRun run = Run("fedex", "fedavg");
        run.Settings = run.Settings with { Rounds = 2 };
        GlobalState final = await run.RunAsync();
        Assert.Null(run.Fleet.Instructions[0].BaseCorrectionHash);
        Assert.Equal(run.Journal.Records[1].BaseCorrection, run.Fleet.Instructions[1].BaseCorrectionHash);
        Assert.Equal(MemoryTensorStore.HashOf(final.BaseCorrection!), run.Journal.Records[2].BaseCorrection);
        Assert.Equal(MemoryTensorStore.HashOf(StackedCorrection.Join(final.Adapter, Equal.Global.Scaling, final.BaseCorrection!)), run.Journal.Records[2].Adapter);
        Assert.Equal(run.Fleet.Instructions[0].StateHash, run.Journal.Records[0].Adapter); // without a correction, the adapter's own
        long correction = 4L * run.Store.Get(run.Journal.Records[1].BaseCorrection!).Layout.Count;
        Assert.Equal(run.Journal.Records[1].BytesDown + (4 * correction), run.Journal.Records[2].BytesDown);
    }

    [Fact]
    public async Task RunAsync_PrivateStates_AreThoseOfTheClientsLastMembership()
    {
        TestRun run = Run("fedsa", "scaffold");
        run.Settings = run.Settings with { Rounds = 6, Quorum = 0.5 };

        // In round 3 one client's update does not count: it must begin its next round with what it had before.
        int spoilt = run.Cohort(3)[0];
        run.Fleet.Answer = (round, receipts) => receipts.Select(r => round == 3 && r.Client == spoilt ? r with { Weight = -1 } : r);
        GlobalState final = await run.RunAsync();

        var last = new Dictionary<int, IReadOnlyDictionary<string, string>>();
        foreach (RoundInstruction instruction in run.Fleet.Instructions)
        {
            IReadOnlyList<int> cohort = run.Cohort(instruction.Round);
            Assert.Equal(cohort.Where(last.ContainsKey), instruction.PrivateStates.Keys.Order());
            foreach (int client in cohort)
            {
                Assert.Equal(last.GetValueOrDefault(client), instruction.PrivateStates.GetValueOrDefault(client));
                if (run.Journal.Records[instruction.Round].Clients.Any(c => c.Id == client))
                {
                    last[client] = run.Journal.States[instruction.Round].PrivateStates[client];
                    Assert.Equal(["c_A", "lora_B"], last[client].Keys.Order());
                }
            }
        }

        Assert.Equal(last.Keys.Order(), final.PrivateStates.Keys.Order());
    }

    [Theory]
    [InlineData("no control delta", "names no control delta")]
    [InlineData("control not finite", "control delta is not finite")]
    [InlineData("control misstated", "misstates the largest value of tensor")]
    [InlineData("no private state", "does not name its private state 'c'")]
    public async Task RunAsync_SpoiltControlDelta_IsExcludedWithItsReason(string defect, string reason)
    {
        TestRun run = Run("average", "scaffold");
        run.Settings = run.Settings with { Rounds = 1, Quorum = 0.5 };
        int bad = run.Cohort(1)[2];
        run.Fleet.Answer = (_, receipts) => receipts.Select(r => r.Client == bad ? Spoil(run, r, defect) : r);
        await run.RunAsync();
        ClientExclusion exclusion = Assert.Single(run.Journal.Records[1].Excluded);
        Assert.Equal(bad, exclusion.Client);
        Assert.Contains(reason, exclusion.Reason);
    }

    [Fact]
    public async Task RunLoop_CombinationThatCannotWork_IsRefused()
    {
        TestRun run = Run("flora", "fedadam");
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => run.RunAsync());
        Assert.Contains("flora begins every round with fresh factors", refusal.Message);
    }

    private static ClientReceipt Spoil(TestRun run, ClientReceipt receipt, string defect)
    {
        TensorSet change = run.Store.Get(receipt.ControlDelta!.Hash);
        if (defect == "control not finite")
        {
            change.Values[5] = float.NaN;
        }

        return defect switch
        {
            "no control delta" => receipt with { ControlDelta = null },
            "no private state" => receipt with { PrivateStates = new Dictionary<string, string>() },
            "control misstated" => receipt with { ControlDelta = receipt.ControlDelta with { MaxAbsolute = [.. receipt.ControlDelta.MaxAbsolute.Select(m => 2 * m)] } },
            _ => receipt with { ControlDelta = receipt.ControlDelta with { Hash = run.Store.Put(change) } },
        };
    }

    private static TestRun Run(string aggregation, string optimizer) => new()
    {
        InitialAdapter = LoraRound.Beginning(3).Adapter,
        Aggregation = aggregation switch
        {
            "average" => new FedIt(),
            "ffa" => new FfaLora(),
            "rolora" => new RoLora(),
            "fedsa" => new FedSaLora(),
            "fedex" => new FedExLora(Equal),
            "flora" => new Flora(Different.Differ && optimizer == "fedprox" ? Different : Equal, 2023),
            "flexlora" => new FlexLora(Different),
            _ => new HetLora(Different),
        },
        Optimizer = optimizer switch
        {
            "fedavg" => new FedAvg(),
            "fedprox" => new FedProx(0.1),
            "scaffold" => new Scaffold(9),
            "fedavgm" => new FedAvgM(Convention.OpenFedLlm),
            _ => new FedAdam(Convention.OpenFedLlm, new AdaptiveSettings()),
        },
    };

    private static string Digest(GlobalState state) => string.Join(
        '\n',
        [
            MemoryTensorStore.HashOf(state.Adapter),
            state.BaseCorrection is { } correction ? MemoryTensorStore.HashOf(correction) : "none",
            .. state.ServerState.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key} {MemoryTensorStore.HashOf(s.Value)}"),
            .. state.PrivateStates.OrderBy(p => p.Key).SelectMany(p => p.Value.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{p.Key} {s.Key} {s.Value}")),
            $"{state.BytesMoved}",
        ]);
}
