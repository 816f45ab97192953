namespace FedLLM.GrainInterfaces.Tests;

public sealed class ClientKeyTests
{
    [Theory]
    [InlineData("cpu", "demo", 0, null)]
    [InlineData("cuda", "a-b.c_1", int.MaxValue, null)]
    [InlineData("cpu", "demo", 7, "clinic-2")]
    public void Parse_WrittenKey_IsTheKey(string device, string run, int client, string? silo)
    {
        var key = new ClientKey(device, run, client, silo);
        Assert.Equal(key, ClientKey.Parse(key.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cpu/demo")]
    [InlineData("cpu/demo/")]
    [InlineData("cpu/demo/-1")]
    [InlineData("cpu/demo/ 1")]
    [InlineData("cpu/demo/2147483648")]
    [InlineData("cpu//1")]
    [InlineData("/demo/1")]
    [InlineData("cpu/demo/1/")]
    [InlineData("cpu/demo/1/2/3")]
    public void Parse_AnythingElse_Throws(string key) => Assert.Throws<FormatException>(() => ClientKey.Parse(key));
}
