using System.Net.Http.Headers;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>Secrets that a silo is given occur in nothing that it writes, says or answers.</summary>
public sealed class SecretTests
{
    private const string Token = "token-5f1d0c";
    private const string Password = "password-9b27ae";
    private const string Connection = "connection-c3e841";

    private static readonly string[] Secrets = [Token, Password, Connection];

    private static readonly string[] Addresses =
    [
        "/", "/cluster", "/runs/demo", "/metrics", "/api/runs", "/api/runs/demo", "/api/cluster", "/orleans/DashboardCounters", "/orleans/ClusterStats",
        "/orleans/GrainState?grainId=demo&grainType=FedLLM.Grains.RunGrain",
    ];

    [Fact]
    public async Task Silo_WithSecrets_KeepsThemOutOfFilesLogsAndAnswers()
    {
        await using var cluster = new Cluster();
        string keys = Directory.CreateDirectory(Path.Combine(cluster.Folder, "keys")).FullName;
        using var authority = new Authority(keys, "authority");
        cluster.Certificates = authority.Client("client");
        string url = $"http://127.0.0.1:{Ports.Free(1)[0]}";
        await cluster.StartAsync(
            1, "--certificate", authority.Issue("silo", password: Password), "--authority", authority.Path, $"--Silo:CertificatePassword={Password}",
            $"--Silo:Token={Token}", $"--Silo:ConnectionString=Host=nowhere;Password={Connection}", "--api", url, "--Logging:LogLevel:Default=Debug");
        await cluster.RunAsync("demo", "federation.rounds=2", "evaluation.every=2");
        await cluster.FinishAsync("demo");

        using var client = new HttpClient { BaseAddress = new Uri(url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        foreach (string address in Addresses)
        {
            using HttpResponseMessage answer = await client.GetAsync(address);
            Assert.True(answer.IsSuccessStatusCode, $"{address}: {answer.StatusCode}");
            RequireNone(address, await answer.Content.ReadAsStringAsync() + answer.Headers);
        }

        RequireNone("what the silo said", cluster.Silos[0].Said);
        RequireNoneIn(cluster.Folder);
    }

    [Theory]
    [InlineData("adonet", "Host=127.0.0.1;Port=1;Username=u;Timeout=1;Password=" + Connection)]
    [InlineData("adonet", "Host=127.0.0.1;Pasword=" + Connection)]
    [InlineData("adonet", Connection)]
    [InlineData("azure", Connection)]
    [InlineData("azure", "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=" + Connection)]
    public async Task Silo_ConnectionThatCannotBeUsed_SaysSoWithoutIt(string mode, string connection)
    {
        await using var cluster = new Cluster();
        await using SiloProcess silo = cluster.Begin("--mode", mode, $"--Silo:ConnectionString={connection}", $"--Silo:Token={Token}");
        Assert.Equal(2, await silo.EndAsync());
        Assert.Contains("Silo:ConnectionString", silo.Said, StringComparison.Ordinal);
        RequireNone("what the silo said", silo.Said);
        RequireNoneIn(cluster.Folder);
    }

    /// <summary>Fails where a file of a folder holds one of the secrets.</summary>
    internal static void RequireNoneIn(string folder, params string[] more)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            RequireNone(file, System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file)), more);
        }
    }

    /// <summary>Fails where a text holds one of the secrets.</summary>
    internal static void RequireNone(string where, string text, params string[] more) =>
        Assert.All(Secrets.Concat(more), s => Assert.False(text.Contains(s, StringComparison.Ordinal), $"{where} holds a secret"));
}
