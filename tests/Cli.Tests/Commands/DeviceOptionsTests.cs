using FedLLM.Cli.Tests.Support;
using FedLLM.Engine;

namespace FedLLM.Cli.Tests.Commands;

/// <summary>Where commands compute that read no experiment file.</summary>
[Collection(SmallWorldTests.Name)]
public sealed class DeviceOptionsTests(SmallWorld world)
{
    [Theory]
    [InlineData("auto")]
    [InlineData("cpu")]
    public async Task Evaluate_SaysItsDeviceAndEngine(string device)
    {
        Answer answer = await Evaluate("--device", device);
        Assert.Equal(0, answer.Code);
        Assert.Contains($"device: cpu ({NumericsVersion.Current})", answer.ErrorLines());
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("torch-cpu")]
    public async Task Device_OfAnotherProgram_NamesThatProgram(string device)
    {
        (await Evaluate("--device", device)).IsOneLine(2, $"--device is {device}", "fedllm-torch");
        (await Generate("--device", device)).IsOneLine(2, $"--device is {device}", "fedllm-torch");
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("nf4")]
    public async Task Quantization_OnTheCpuEngine_IsRefused(string quantization)
    {
        (await Evaluate("--quantization", quantization)).IsOneLine(2, $"--quantization is {quantization}", "the CPU engine");
        (await Generate("--quantization", quantization)).IsOneLine(2, $"--quantization is {quantization}", "the CPU engine");
    }

    [Fact]
    public async Task Device_Unknown_NamesTheNearest() => (await Generate("--device", "cda")).IsOneLine(2, "--device", "cuda");

    private Task<Answer> Evaluate(params string[] more) =>
        Answer.Of(["evaluate", "--model", world.Model, "--suite", "loss", "--data", world.HeldOut, "--limit", "2", .. more]);

    private Task<Answer> Generate(params string[] more) =>
        Answer.Of(["generate", "--model", world.Model, "--prompt", "The cat", "--max-new-tokens", "2", .. more]);
}
