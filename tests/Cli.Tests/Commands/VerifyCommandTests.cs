using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class VerifyCommandTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Verify_WholeThenDamaged_ShowsTheLineageThenNamesTheFile()
    {
        string run = _folder["run"];
        JsonElement result = (await Answer.Of("run", world.Experiment, "--out", run, "--json")).Json();
        string adapter = result.GetProperty("adapter").GetString()!;

        Answer whole = await Answer.Of("verify", run);
        Assert.True(whole.Code == 0, whole.ToString());
        Assert.Contains(adapter[..12], whole.Out, StringComparison.Ordinal);
        Assert.Contains($"{run}: whole", whole.Out, StringComparison.Ordinal);
        JsonElement json = (await Answer.Of("verify", run, "--json")).Json();
        Assert.True(json.GetProperty("whole").GetBoolean());
        JsonElement last = json.GetProperty("lineage").EnumerateArray().Last();
        Assert.Equal((2, adapter), (last.GetProperty("round").GetInt32(), last.GetProperty("adapter").GetString()));
        Assert.Equal(2, last.GetProperty("members").GetArrayLength());

        string stored = Path.Combine(run, "store", adapter[..2], adapter + ".safetensors");
        byte[] bytes = await File.ReadAllBytesAsync(stored);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(stored, bytes);
        Answer damaged = await Answer.Of("verify", run);
        Assert.Equal(1, damaged.Code);
        Assert.Contains($"damaged: {stored}", damaged.Error, StringComparison.Ordinal);
        Assert.Contains("1 damaged or missing", damaged.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_NoRun_IsOneLine() => (await Answer.Of("verify", _folder.Root)).IsOneLine(1, _folder.Root, "holds no run");
}
