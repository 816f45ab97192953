using FedLLM.GrainInterfaces;
using FedLLM.Silo.Postgres;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>A cluster on PostgreSQL: its schema, and what becomes of a run while the database is away.</summary>
public sealed class PostgresTests
{
    private const string Secret = "password-71d9f2";

    [SkippableFact]
    public async Task Run_CoordinatorKilledAndDatabaseStopped_EndsWithTheEmbeddedHash()
    {
        string[] rounds = ["federation.rounds=60", "evaluation.every=30"];
        await using PostgresServer postgres = await PostgresServer.StartNewAsync();
        PostgresSchema.Ensure(postgres.ConnectionString);
        PostgresSchema.Ensure(postgres.ConnectionString);
        await using var cluster = new Cluster("--mode", "adonet", "--Silo:ConnectionString", postgres.ConnectionString + ";Password=" + Secret);
        string expected = await Embedded.HashAsync(rounds);
        await cluster.StartAsync(2);
        await cluster.RunAsync("demo", rounds);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1);
        await cluster.HostOf(running).KillAsync();
        RunInfo again = await cluster.WaitAsync("demo", r => r.Committed > running.Committed && r.Silo != running.Silo);
        Assert.InRange(again.Committed, 2, 58);

        await postgres.StopAsync();
        await cluster.WaitAsync("demo", r => r.Reason?.Contains("storage", StringComparison.Ordinal) == true);
        await Outage.PassAsync();
        await postgres.StartAsync();

        Assert.Equal(expected, await cluster.FinishAsync("demo"));
        Assert.All(RunJournals.Trainings(Path.Combine(cluster.Folder, "demo")), t => Assert.Equal(1, t.Times));

        // A database that went away made silos say a lot, but not how it is reached.
        SecretTests.RequireNoneIn(cluster.Folder, Secret);
        Assert.All(cluster.Silos, s => SecretTests.RequireNone("what a silo said", s.Said, Secret));
    }

    [Fact]
    public void Ensure_NoServer_SaysSoWithoutTheSecret()
    {
        string connection = FormattableString.Invariant($"Host=127.0.0.1;Port={Ports.Free(1)[0]};Username=u;Password=sesame;Timeout=1");
        Hosting.SiloSettingsException refused = Assert.Throws<Hosting.SiloSettingsException>(() => PostgresSchema.Ensure(connection));
        Assert.DoesNotContain("sesame", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Silo:ConnectionString", refused.Message, StringComparison.Ordinal);
    }
}
