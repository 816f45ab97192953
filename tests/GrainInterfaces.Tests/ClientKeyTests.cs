namespace FedLLM.GrainInterfaces.Tests;

public sealed class ClientKeyTests
{
    [Theory]
    [InlineData("cpu", "demo", 0)]
    [InlineData("cuda", "a-b.c_1", int.MaxValue)]
    public void Parse_WrittenKey_IsTheKey(string device, string run, int client)
    {
        var key = new ClientKey(device, run, client);
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
    [InlineData("cpu/demo/1/2")]
    public void Parse_AnythingElse_Throws(string key) => Assert.Throws<FormatException>(() => ClientKey.Parse(key));
}
