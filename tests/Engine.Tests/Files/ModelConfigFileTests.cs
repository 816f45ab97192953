using System.Text;
using System.Text.Json.Nodes;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Tests.Files;

public sealed class ModelConfigFileTests
{
    private const string Minimal = """{"model_type":"llama","hidden_size":64,"intermediate_size":172,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":512}""";

    private static ModelConfig Parse(string json) => ModelConfigFile.Parse(JsonFields.Parse("config.json", Encoding.UTF8.GetBytes(json)));

    /// <summary>The minimal configuration with keys set or replaced, "key": value, separated by commas.</summary>
    private static string With(string keys)
    {
        JsonObject json = JsonNode.Parse(Minimal)!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse("{" + keys + "}")!.AsObject())
        {
            json[key] = value?.DeepClone();
        }

        return json.ToJsonString();
    }

    [Fact]
    public void Parse_OnlyRequiredKeys_TakesTransformersDefaults()
    {
        ModelConfig llama = Parse(Minimal);
        ModelDirectoryTests.AssertSameConfig(
            new ModelConfig
            {
                Family = ModelFamily.Llama,
                HiddenSize = 64,
                IntermediateSize = 172,
                Layers = 2,
                Heads = 4,
                KeyValueHeads = 4,
                HeadSize = 16,
                VocabularySize = 512,
                MaxPositions = 2048,
                NormEpsilon = 1e-6f,
                RopeTheta = 10000,
                TiedEmbeddings = false,
                BeginOfSequenceId = 1,
                EndOfSequenceIds = [2],
            },
            llama);
        ModelConfig qwen = Parse(With("\"model_type\":\"qwen2\""));
        Assert.Equal((ModelFamily.Qwen2, true, false, false, null, 32768), (qwen.Family, qwen.QkvBias, qwen.OutputBias, qwen.MlpBias, qwen.BeginOfSequenceId, qwen.MaxPositions));
        Assert.Empty(qwen.EndOfSequenceIds);
    }

    [Fact]
    public void Parse_Transformers5Spelling_EqualsTransformers4()
    {
        ModelConfig four = Parse(With("\"rope_theta\":500000.0,\"rope_scaling\":null,\"torch_dtype\":\"bfloat16\",\"num_key_value_heads\":2,\"eos_token_id\":2"));
        ModelConfig five = Parse(With("\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"default\"},\"dtype\":\"bfloat16\",\"num_key_value_heads\":2,\"head_dim\":16,\"eos_token_id\":2,\"layer_types\":[\"full_attention\",\"full_attention\"]"));
        Assert.Equal(500000.0, five.RopeTheta);
        ModelDirectoryTests.AssertSameConfig(four, five);
    }

    [Fact]
    public void Parse_RopeThetaInsideRopeScaling_IsRead() =>
        Assert.Equal(5e5, Parse(With("\"rope_scaling\":{\"rope_type\":\"default\",\"rope_theta\":500000.0}")).RopeTheta);

    [Theory]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.5}")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"type\":\"linear\",\"factor\":2.5,\"attention_factor\":null}")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"linear\",\"rope_theta\":10000.0,\"factor\":2.5}")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2.5},\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2.5}")]
    public void Parse_LinearScaling_InEverySpelling(string keys) => Assert.Equal(new RopeScaling(RopeScalingKind.Linear, 2.5), Parse(With(keys)).RopeScaling);

    [Theory]
    [InlineData("rope_scaling", "\"rope_theta\":5e5,")]
    [InlineData("rope_parameters", "")]
    public void Parse_Llama3Scaling_ReadsAllItsSettings(string key, string before)
    {
        string inside = before.Length == 0 ? "\"rope_theta\":5e5," : string.Empty;
        ModelConfig config = Parse(With(
            $"{before}\"{key}\":{{{inside}\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":1.5,\"high_freq_factor\":3.5,\"original_max_position_embeddings\":4096}}"));
        Assert.Equal(5e5, config.RopeTheta);
        Assert.Equal(
            new RopeScaling(RopeScalingKind.Llama3, 32) { LowFrequencyFactor = 1.5, HighFrequencyFactor = 3.5, OriginalMaxPositions = 4096 }, config.RopeScaling);
    }

    [Theory]
    [InlineData("\"eos_token_id\":7", new[] { 7 })]
    [InlineData("\"eos_token_id\":[7,9]", new[] { 7, 9 })]
    [InlineData("\"eos_token_id\":null", new int[0])]
    public void Parse_EndOfSequence_NumberListOrNull(string keys, int[] expected) => Assert.Equal(expected, Parse(With(keys)).EndOfSequenceIds);

    [Theory]
    [InlineData("\"num_key_value_heads\":null", 4, 16)]
    [InlineData("\"num_key_value_heads\":1,\"head_dim\":null", 1, 16)]
    [InlineData("\"num_key_value_heads\":2,\"head_dim\":32", 2, 32)]
    [InlineData("\"num_attention_heads\":3,\"head_dim\":8", 3, 8)]
    public void Parse_Heads_Sizes(string keys, int keyValueHeads, int headSize)
    {
        ModelConfig config = Parse(With(keys));
        Assert.Equal((keyValueHeads, headSize), (config.KeyValueHeads, config.HeadSize));
    }

    [Theory]
    [InlineData("\"attention_bias\":true", true, true, false)]
    [InlineData("\"mlp_bias\":true", false, false, true)]
    [InlineData("\"model_type\":\"qwen2\",\"attention_bias\":false,\"mlp_bias\":true", true, false, false)]
    public void Parse_Biases_FollowTheFamily(string keys, bool qkv, bool output, bool mlp)
    {
        ModelConfig config = Parse(With(keys));
        Assert.Equal((qkv, output, mlp), (config.QkvBias, config.OutputBias, config.MlpBias));
    }

    [Theory]
    [InlineData("\"use_sliding_window\":false,\"sliding_window\":8,\"max_position_embeddings\":64")]
    [InlineData("\"use_sliding_window\":true,\"sliding_window\":64,\"max_position_embeddings\":64")]
    [InlineData("\"use_sliding_window\":true,\"sliding_window\":8,\"max_window_layers\":2")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"default\"}")]
    [InlineData("\"quantization_config\":null,\"partial_rotary_factor\":1.0,\"hidden_act\":\"silu\"")]
    [InlineData("\"rope_theta\":10000,\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"default\",\"partial_rotary_factor\":1}")]
    public void Parse_FeatureNamedButOff_IsAccepted(string keys) => Assert.Equal(64, Parse(With(keys)).HiddenSize);

    [Theory]
    [InlineData("\"model_type\":\"mistral\"", "key 'model_type': is 'mistral', which is not supported. Use a model whose model_type is llama or qwen2.")]
    [InlineData("\"model_type\":null", "key 'model_type': is missing")]
    [InlineData("\"model_type\":3", "key 'model_type': is not text")]
    [InlineData("\"hidden_act\":\"gelu\"", "only silu is supported")]
    [InlineData("\"hidden_size\":null", "key 'hidden_size': is missing")]
    [InlineData("\"hidden_size\":0", "key 'hidden_size': is not a whole number from 1 to")]
    [InlineData("\"hidden_size\":64.5", "key 'hidden_size': is not a whole number")]
    [InlineData("\"hidden_size\":\"64\"", "key 'hidden_size': is not a whole number")]
    [InlineData("\"hidden_size\":99999999999", "key 'hidden_size': is not a whole number")]
    [InlineData("\"num_hidden_layers\":100000", "key 'num_hidden_layers': is not a whole number from 1 to 1024")]
    [InlineData("\"num_key_value_heads\":3", "does not divide the 4 query heads")]
    [InlineData("\"num_attention_heads\":5", "does not divide hidden_size 64")]
    [InlineData("\"head_dim\":15", "needs an even width")]
    [InlineData("\"head_dim\":16000000", "at most 16777216 are supported")]
    [InlineData("\"rms_norm_eps\":0", "key 'rms_norm_eps': is not a positive number")]
    [InlineData("\"rms_norm_eps\":true", "key 'rms_norm_eps': is not a finite number")]
    [InlineData("\"rope_theta\":-1", "key 'rope_theta': is not a positive number")]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\"}", "key 'rope_scaling.factor': is missing")]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}", "key 'rope_scaling.factor': is below 1")]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,\"rope_type\":\"llama3\"}", "key 'rope_scaling.type': differs from rope_type")]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,\"beta_fast\":32}", "key 'rope_scaling.beta_fast': is not a setting of this type")]
    [InlineData("\"rope_scaling\":{\"factor\":2.0}", "key 'rope_scaling.rope_type': is missing")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}", "key 'rope_scaling.low_freq_factor': is missing")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4,\"original_max_position_embeddings\":8}", "key 'rope_scaling.high_freq_factor': is not above")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4}", "key 'rope_scaling.original_max_position_embeddings': is missing")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":1e4}", "key 'rope_parameters.rope_type': is 'yarn', which is not supported; default, linear and llama3 are")]
    [InlineData("\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}", "key 'rope_scaling.type': is 'dynamic', which")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"longrope\"}", "key 'rope_scaling.rope_type': is 'longrope', which")]
    [InlineData("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":3}", "key 'rope_scaling': differs from rope_parameters")]
    [InlineData("\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5e5},\"rope_theta\":1e4", "key 'rope_theta': differs from the rope_theta in rope_parameters")]
    [InlineData("\"rope_parameters\":[]", "key 'rope_parameters': is not an object")]
    [InlineData("\"partial_rotary_factor\":0.5", "key 'partial_rotary_factor'")]
    [InlineData("\"use_sliding_window\":true,\"sliding_window\":8,\"max_position_embeddings\":64", "key 'sliding_window': is shorter than max_position_embeddings 64")]
    [InlineData("\"layer_types\":[\"full_attention\",\"sliding_attention\"],\"sliding_window\":8", "key 'sliding_window'")]
    [InlineData("\"quantization_config\":{\"bits\":4}", "key 'quantization_config'")]
    [InlineData("\"tie_word_embeddings\":1", "is neither true nor false")]
    [InlineData("\"eos_token_id\":[1,\"x\"]", "key 'eos_token_id'")]
    [InlineData("\"eos_token_id\":-1", "key 'eos_token_id'")]
    public void Parse_DefectOrUnsupported_NamesKeyAndRemedy(string keys, string part)
    {
        InputFileException e = Assert.Throws<InputFileException>(() => Parse(With(keys)));
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("config.json, key ", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "line 1: is not valid JSON")]
    [InlineData("[1]", "is not a JSON object")]
    [InlineData("{\n\"a\": 1,\n}", "line 3: is not valid JSON")]
    [InlineData("{\"a\":1,\"a\":2}", "a key that occurs twice")]
    [InlineData("{\"a\":\"\\ud800\"}", "key 'model_type': is missing")]
    [InlineData("{\"model_type\":\"\\ud800\"}", "is not valid Unicode")]
    [InlineData("{\"\\ud800\":1}", "is not valid Unicode")]
    public void Parse_MalformedJson_SaysWhere(string json, string part) =>
        Assert.Contains(part, Assert.Throws<InputFileException>(() => Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_TooDeepTooLongOrNotUtf8_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<InputFileException>(() => JsonFields.Read(folder.Write("deep.json", new string('[', 100000))));
        Assert.Contains("not valid UTF-8", Assert.Throws<InputFileException>(() => JsonFields.Read(folder.Write("latin.json", [.. "{\"a\":\""u8, 0xE9, .. "\"}"u8]))).Message, StringComparison.Ordinal);
        using (FileStream stream = File.Create(folder.File("long.json")))
        {
            stream.SetLength(InputFile.MaxJsonBytes + 1);
        }

        Assert.Contains("at most", Assert.Throws<InputFileException>(() => JsonFields.Read(folder.File("long.json"))).Message, StringComparison.Ordinal);
    }
}
