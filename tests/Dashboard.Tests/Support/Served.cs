using System.Net;
using System.Text.Json;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Hosting;

namespace FedLLM.Dashboard.Tests.Support;

/// <summary>A dashboard on a free port of this machine, with a client that follows no redirect.</summary>
internal sealed class Served : IAsyncDisposable
{
    private readonly DashboardServer _server;
    private readonly List<string> _warnings;

    private Served(DashboardServer server, List<string> warnings)
    {
        _server = server;
        _warnings = warnings;
        string address = server.Address.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal);
        Client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(address) };
    }

    public HttpClient Client { get; }

    public string Address => _server.Address;

    public string? Link => _server.Link;

    public static async Task<Served> Start(IRunFeed feed, string? token = null, string url = "http://127.0.0.1:0")
    {
        var warnings = new List<string>();
        return new Served(await DashboardServer.StartAsync(feed, url, token, TimeProvider.System, warnings.Add), warnings);
    }

    public async Task<string> Text(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage answer = await Client.GetAsync(path);
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == expected, $"{path}: {answer.StatusCode}: {text} {string.Join('\n', _warnings)}");
        return text;
    }

    public async Task<JsonElement> Json(string path) => JsonDocument.Parse(await Text(path)).RootElement;

    public async Task<HttpStatusCode> Send(HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        foreach ((string name, string value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using HttpResponseMessage answer = await Client.SendAsync(request);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        Assert.Empty(_warnings);
    }
}
