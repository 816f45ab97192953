using FedLLM.Silo.Tests.Clusters;
using FedLLM.Silo.Trust;
using Microsoft.Extensions.Hosting;

namespace FedLLM.Silo.Tests;

/// <summary>Silos with certificates, real processes: who shows none, or one of another authority, does not get in.</summary>
public sealed class TlsTests
{
    private const string Refusal = "Authentication failed";

    [Fact]
    public async Task Cluster_WithCertificates_RunsAndRefusesEverybodyElse()
    {
        string[] rounds = ["federation.rounds=2", "evaluation.every=2"];
        await using var cluster = new Cluster();
        string keys = Directory.CreateDirectory(Path.Combine(cluster.Folder, "keys")).FullName;
        using var authority = new Authority(keys, "authority");
        using var other = new Authority(keys, "other");
        cluster.Certificates = authority.Client("client");
        string expected = await Embedded.HashAsync(rounds);
        await cluster.StartAsync(1, authority.Silo("silo1"));
        await cluster.StartAsync(1, authority.Silo("silo2"));
        await cluster.RunAsync("demo", rounds);
        Assert.Equal(expected, await cluster.FinishAsync("demo"));

        // These would take the cluster's silos for what they are, but show a certificate of another authority.
        string both = Path.Combine(keys, "both.pem");
        await File.WriteAllTextAsync(both, await File.ReadAllTextAsync(authority.Path) + "\n" + await File.ReadAllTextAsync(other.Path));
        foreach (ClusterCertificates? wrong in (ClusterCertificates?[])[null, ClusterCertificates.Load(other.Issue("client"), null, null, both)])
        {
            int before = Refusals(cluster);
            using var enough = new CancellationTokenSource();
            Task<IHost> connecting = cluster.ConnectAsync(wrong, enough.Token);
            await Cluster.UntilAsync(() => Refusals(cluster) > before);
            await enough.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => connecting);
        }

        // They find the members in the shared folder, and become none.
        foreach (string[] settings in (string[][])[[], ["--certificate", other.Issue("silo3"), "--authority", both]])
        {
            int before = Refusals(cluster);
            await using SiloProcess stranger = cluster.Begin(settings);
            await Cluster.UntilAsync(() => Refusals(cluster) > before);
            Assert.False(stranger.IsReady);
        }

        Dictionary<SiloAddress, SiloStatus> members = await cluster.CallAsync(g => g.GetGrain<IManagementGrain>(0).GetHosts());
        int[] active = [.. members.Where(m => m.Value == SiloStatus.Active).Select(m => m.Key.Endpoint.Port).Order()];
        Assert.Equal(cluster.Silos.Select(s => s.Port).Order(), active);
    }

    private static int Refusals(Cluster cluster) => cluster.Silos.Sum(s => s.Said.Split(Refusal).Length - 1);
}
