using System.Security.Cryptography;
using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>Clusters on Azure Storage (its emulator): members, grains' state and reminders in tables and blobs, and the run directories in blobs too.</summary>
public sealed class AzureTests
{
    private const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50u"; // the beginning of the emulator's

    [SkippableFact]
    public async Task Run_InBlobsWithCoordinatorKilledAndStorageStopped_EndsWithTheEmbeddedHash()
    {
        string[] rounds = ["federation.rounds=16", "evaluation.every=8"];
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        await using Cluster cluster = On(azurite);
        string expected = await Embedded.HashAsync(rounds);

        // It is begun in a folder, and goes on in blobs.
        string begun = Path.Combine(cluster.Folder, "begun");
        await Embedded.RunUntilAsync(begun, 2, rounds);
        var container = new RunContainer(azurite);
        container.Upload(begun, "demo");
        string[] urls = [.. Ports.Free(2).Select(p => $"http://127.0.0.1:{p}")];
        await Task.WhenAll(urls.Select(u => cluster.StartAsync(1, "--api", u)));
        await cluster.RunAsync("demo", rounds);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 4 && r.Answered > 0);
        await cluster.HostOf(running).KillAsync();
        RunInfo again = await cluster.WaitAsync("demo", r => r.Committed > running.Committed && r.Silo != running.Silo);
        Assert.InRange(again.Committed, 5, 14);
        await azurite.StopAsync();
        await cluster.WaitAsync("demo", r => r.Reason?.Contains("storage", StringComparison.OrdinalIgnoreCase) == true);
        await Outage.PassAsync();
        await azurite.StartAsync();
        Assert.Equal(expected, await cluster.FinishAsync("demo"));

        // The command line gets it from the silo that is left.
        string fetched = Path.Combine(cluster.Folder, "fetched");
        (int code, string error) = await FedllmAsync("adapter", "demo", "--cluster", string.Join(',', urls), "--out", fetched);
        Assert.True(code == 0, error);
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(fetched, "adapter", "adapter_model.safetensors")))));

        // Copied to a folder it is a run directory as any other.
        string copy = Path.Combine(cluster.Folder, "copy");
        container.Download("demo", copy);
        (code, error) = await FedllmAsync("verify", copy);
        Assert.True(code == 0, error);
        Assert.Equal(expected, await Embedded.RunAsync(copy, rounds));
        Assert.All(RunJournals.Trainings(copy), t => Assert.Equal(1, t.Times));
        SecretTests.RequireNoneIn(cluster.Folder, Key);
        Assert.All(cluster.Silos, s => SecretTests.RequireNone("what a silo said", s.Said, Key));
    }

    [SkippableFact]
    public async Task Run_InBlobsWithCoordinatorHanging_GoesOnElsewhereUnattended()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGSTOP.");
        string[] rounds = ["federation.rounds=8", "evaluation.every=8"];
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        string state = Directory.CreateTempSubdirectory("fedllm-state-").FullName;
        await using (var cluster = new Cluster("--store", "blobs", "--state", state, $"--Silo:StoreConnectionString={azurite.ConnectionString}"))
        {
            string expected = await Embedded.HashAsync(rounds);
            await cluster.StartAsync(2);
            await cluster.RunAsync("demo", rounds);
            RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 2 && r.Answered > 0);
            SiloProcess hanging = cluster.HostOf(running);
            await hanging.HangAsync();
            Assert.Equal(expected, await cluster.FinishAsync("demo"));

            // It finds that it was given up, and ends; what it might still have written, it did not.
            await hanging.GoOnAsync();
            await hanging.EndAsync();
            string copy = Path.Combine(cluster.Folder, "copy");
            new RunContainer(azurite).Download("demo", copy);
            (int code, string said) = await FedllmAsync("verify", copy);
            Assert.True(code == 0, said);
        }

        Directory.Delete(state, recursive: true);
    }

    private static Cluster On(AzuriteServer azurite) => new("--mode", "azure", "--store", "blobs", $"--Silo:ConnectionString={azurite.ConnectionString}");

    private static async Task<(int Code, string Said)> FedllmAsync(params string[] arguments)
    {
        (int code, string output, string error) = await Programs.RunAsync("fedllm.dll", arguments);
        return (code, output + error);
    }
}
