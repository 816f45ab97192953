using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Which modules carry an adapter, with which rank and scaling. Expected values follow from PEFT's rules, written out beside each case.</summary>
public sealed class LoraConfigTests
{
    private static readonly LoraConfig Plain = new(8, 16, 0.05, new HashSet<LinearKind> { LinearKind.Value, LinearKind.Query });

    [Fact]
    public void Modules_Uniform_AreEveryLayersTargetsInOrder() => Assert.Equal(
        [
            new LoraModule(0, LinearKind.Query, 8, 2f), new LoraModule(0, LinearKind.Value, 8, 2f),
            new LoraModule(1, LinearKind.Query, 8, 2f), new LoraModule(1, LinearKind.Value, 8, 2f),
        ],
        Plain.Modules(2));

    [Fact]
    public void Modules_RankStabilized_ScaleByTheRootOfTheirOwnRank()
    {
        LoraConfig config = Plain with { RankStabilized = true, RankPattern = Ranks(("v_proj", 9)) };
        Assert.Equal([(float)(16 / Math.Sqrt(8)), 16f / 3], config.Modules(1).Select(m => m.Scaling));
    }

    [Fact]
    public void Modules_Patterns_FirstMatchInOrderCounts()
    {
        // re.match(r"(.*\.)?(key)$", name): a key must end the name and begin it or follow a dot; the order of the file decides, not the precision.
        LoraConfig config = Plain with
        {
            RankPattern = Ranks(("1.self_attn.q_proj", 2), ("q_proj", 3), ("model.layers.0.self_attn.v_proj", 5), (@"layers\.\d+\..*v_proj", 7)),
            AlphaPattern = new ModulePatterns<double>("alpha_pattern", [KeyValuePair.Create("[kv]_proj", 10.5), KeyValuePair.Create(@"^model\.layers\.1\..*", 4.0)]),
        };
        Assert.Equal(
            [
                new LoraModule(0, LinearKind.Query, 3, (float)(16.0 / 3)), new LoraModule(0, LinearKind.Value, 5, (float)(10.5 / 5)),
                new LoraModule(1, LinearKind.Query, 2, 4f / 2), new LoraModule(1, LinearKind.Value, 7, (float)(10.5 / 7)),
            ],
            config.Modules(2));
    }

    [Theory]
    [InlineData("q_proj", "self_attn.q_proj", true)]
    [InlineData("_proj", "q_proj", false)] // behind a dot only
    [InlineData("self_attn.q_pro", "q_proj", false)] // to the end only
    [InlineData("selfxattn.q_proj", "q_proj", false)]
    [InlineData("self.attn.q_proj", "q_proj", true)] // a dot is any character
    [InlineData("(self_attn.)?q_proj", "q_proj", true)]
    [InlineData("q_proj|v_proj", "q_proj", true)] // the alternatives are one group
    public void Patterns_Key_MatchesAsRegexFromADotToTheEnd(string key, string ending, bool matches)
    {
        ModulePatterns<int> patterns = Ranks((key, 3));
        string module = TensorNames.Module(0, LinearKind.Query);
        Assert.EndsWith(ending, module, StringComparison.Ordinal);
        Assert.Equal(matches ? 3 : 0, patterns.Find(module, 0));
    }

    [Fact]
    public void Targets_Names_MatchWholeNamesAndEndingsAtADot()
    {
        static (int, LinearKind)[] Of(params string[] names) => [.. LoraTargets.Named(names).Resolve(11)];
        Assert.Equal([(1, LinearKind.Up)], Of("model.layers.1.mlp.up_proj"));
        Assert.Equal([(0, LinearKind.Up)], Of("0.mlp.up_proj")); // not layer 10
        Assert.Equal(11, Of("mlp.up_proj").Length);
        Assert.Equal([(0, LinearKind.Query), (0, LinearKind.Key)], Of("layers.0.self_attn.k_proj", "layers.0.self_attn.q_proj"));
    }

    [Fact]
    public void Targets_Layers_LimitEndingsButNotWholeNames() => Assert.Equal(
        [(1, LinearKind.Query), (2, LinearKind.Key)],
        LoraTargets.Named(["q_proj", "model.layers.2.self_attn.k_proj"], [1]).Resolve(3));

    [Fact]
    public void Targets_Pattern_MustMatchTheWholeName()
    {
        Assert.Equal([(0, LinearKind.Gate), (0, LinearKind.Up), (2, LinearKind.Gate), (2, LinearKind.Up)], LoraTargets.Matching(@"model\.layers\.(0|2)\.mlp\.(gate|up)_proj").Resolve(3));
        Assert.Contains("matches none", Refusal(() => LoraTargets.Matching("q_proj").Resolve(3)).Message, StringComparison.Ordinal);
        Assert.Equal(21, LoraTargets.Matching(LoraTargets.AllLinear).Resolve(3).Count);
    }

    [Theory]
    [InlineData("lm_head|.*q_proj", "matches 'lm_head'")]
    [InlineData(@".*\.mlp", "matches 'model.layers.0.mlp'")]
    [InlineData(".*norm|.*q_proj", "matches 'model.norm'")]
    [InlineData("(?=m).*q_proj", "look-around or a named group '(?='")]
    [InlineData("(?<!x).*q_proj", "look-around or a named group '(?<'")]
    [InlineData("(?P<a>.*)q_proj", "a named group '(?P'")]
    [InlineData("(?i).*Q_PROJ", "the group '(?i'")]
    [InlineData(@"(.)\1.*q_proj", @"the backreference \1")]
    [InlineData(@"\p{L}*q_proj", @"the escape \p")]
    [InlineData("[a-z-[x]]*q_proj", "'[' inside a set")]
    [InlineData("[[:alpha:]]*q_proj", "'[' inside a set")]
    [InlineData(".{,90}q_proj", "a count without its least")]
    [InlineData(".*+q_proj", "a possessive count '*+'")]
    [InlineData("a)|(.*q_proj", "is not a regular expression")]
    [InlineData("((.{900}){900}){900}", "too large")]
    public void Targets_PatternThatIsNotOurs_IsRefusedByName(string pattern, string part)
    {
        LoraConfigException e = Refusal(() => LoraTargets.Matching(pattern).Resolve(2));
        Assert.Equal("target_modules", e.Key);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Targets_LongPattern_IsRefused() =>
        Assert.Contains("1001 characters", Refusal(() => LoraTargets.Matching(new string('a', 1001))).Message, StringComparison.Ordinal);

    [Fact]
    public void Targets_PatternThatWouldBacktrack_AnswersAtOnce() =>
        // Catastrophic for a backtracking matcher: 2^n ways to cut the name.
        Refusal(() => LoraTargets.Matching("(([a-z.]|[a-z_.0-9])*)*x").Resolve(TensorNames.MaxLayers));

    [Fact]
    public void Patterns_EveryModuleOfALargeModel_ResolveInOneSweep()
    {
        const int Layers = TensorNames.MaxLayers;
        LoraConfig config = new LoraConfig(4, 8, 0, LoraTargets.Matching(LoraTargets.AllLinear)) with
        {
            RankPattern = Ranks([.. TensorNames.LinearModules(Layers).Select((name, i) => (name, 1 + (i % 5)))]),
        };
        Assert.Equal(Enumerable.Range(0, Layers * 7).Select(i => 1 + (i % 5)), config.Modules(Layers).Select(m => m.Rank));
    }

    [Fact]
    public void Slot_Patterns_CarryRankAndScalingOfTheirModule()
    {
        LoraConfig lora = Plain with { RankPattern = Ranks(("1.self_attn.v_proj", 2)) };
        ModelConfig model = TinyModel.Config();
        LoraAdapter adapter = LoraAdapter.Initialize(model, lora, 3);
        LoraSlot slot = adapter.Slot(1, LinearKind.Value)!.Value;
        Assert.Equal((2, 8f), (slot.Rank, slot.Scaling));
        Assert.Null(adapter.Slot(1, LinearKind.Up));
        Assert.Equal([2, model.HiddenSize], adapter.Parameters.Layout[TensorNames.LoraA(1, LinearKind.Value)].Shape);
        Assert.Equal([model.KeyValueSize, 2], adapter.Parameters.Layout[TensorNames.LoraB(1, LinearKind.Value)].Shape);
        Assert.Equal(adapter.Parameters.Layout[TensorNames.LoraA(1, LinearKind.Value)].Offset, slot.A);

        // A's bound is 1/√in whatever the rank, and a module's draws do not depend on the others.
        float[] a = [.. adapter.Parameters[TensorNames.LoraA(1, LinearKind.Value)]];
        float[] uniform = [.. LoraAdapter.Initialize(model, Plain, 3).Parameters[TensorNames.LoraA(1, LinearKind.Value)]];
        Assert.Equal(uniform[..a.Length], a);
    }

    [Fact]
    public void Difference_Alike_IsNull()
    {
        // Said differently, the same adapter.
        LoraConfig spelled = new(4, 3, 0.5, LoraTargets.Matching(@".*\.[qv]_proj"))
        {
            RankPattern = Ranks((".*", 8)),
            AlphaPattern = new ModulePatterns<double>("alpha_pattern", [KeyValuePair.Create("self_attn.._proj", 16.0)]),
        };
        Assert.Null(LoraDifference.Describe(spelled, Plain, 3));
    }

    [Fact]
    public void Difference_OfUniformAdapters_ListsEach() => Assert.Equal(
        "rank 16 where 8 is expected; scaling 1 where 2 is expected; targets q_proj where q_proj, v_proj are expected",
        LoraDifference.Describe(new LoraConfig(16, 16, 0, new HashSet<LinearKind> { LinearKind.Query }), Plain, 2));

    [Fact]
    public void Difference_InSomeModules_NamesTheFirst()
    {
        LoraConfig found = Plain with { RankPattern = Ranks(("0.self_attn.v_proj", 4), ("v_proj", 2)), Targets = LoraTargets.Matching(@".*[02]\..*\.[qv]_proj") };
        Assert.Equal(
            "rank 4 where 8 is expected in model.layers.0.self_attn.v_proj and in 1 more; "
            + "scaling 4 where 2 is expected in model.layers.0.self_attn.v_proj and in 1 more; "
            + "targets q_proj (layers 0 2), v_proj (layers 0 2) where q_proj, v_proj are expected",
            LoraDifference.Describe(found, Plain, 3));
    }

    private static ModulePatterns<int> Ranks(params (string Key, int Rank)[] entries) =>
        new("rank_pattern", [.. entries.Select(e => KeyValuePair.Create(e.Key, e.Rank))]);

    private static LoraConfigException Refusal(Action action) => Assert.Throws<LoraConfigException>(action);
}
