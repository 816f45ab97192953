using System.Text.RegularExpressions;
using FedLLM.Silo.Hosting;
using FedLLM.Silo.Tests.Clusters;
using Microsoft.Extensions.Configuration;

namespace FedLLM.Silo.Tests;

/// <summary>What a silo refuses to start with.</summary>
public sealed class SiloSettingsTests
{
    private static readonly string[] Secrets = [nameof(SiloSettings.Token), nameof(SiloSettings.ConnectionString), nameof(SiloSettings.StoreConnectionString), nameof(SiloSettings.CertificatePassword)];

    [Fact]
    public void Build_WrongSettings_NamesAllOfThemAndNoSecret()
    {
        SiloSettingsException refused = Assert.Throws<SiloSettingsException>(() => SiloHost.Build(
            ["--mode", "adonet", "--port", "0", "--address", "nowhere", "--devices", "cpu,abacus", "--wake-seconds", "3600", "--threads", "0"]));
        string[] lines = refused.Message.Split(Environment.NewLine);
        Assert.Equal(6, lines.Length);
        Assert.Contains(lines, l => l.Contains("'abacus', which this silo cannot train on; it can on: cpu", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("Silo:ConnectionString is required", StringComparison.Ordinal));
    }

    [Fact]
    public void Build_UnknownMode_IsRefused() => Assert.Throws<SiloSettingsException>(() => SiloHost.Build(["--mode", "carrier-pigeon"]));

    [Theory]
    [InlineData("--prot 11111", "--prot is no switch of a silo; the nearest is --port")]
    [InlineData("--prot=11111", "--prot is no switch of a silo; the nearest is --port")]
    [InlineData("--gatewayport 30000", "--gatewayport is no switch of a silo; the nearest is --gateway-port")]
    [InlineData("--insecrue", "--insecrue is no switch of a silo; the nearest is --insecure")]
    [InlineData("--Silo:Portt 11111", "--Silo:Portt is no setting of a silo; the nearest is --Silo:Port")]
    [InlineData("--api --data .", "--api needs a value")]
    [InlineData("--store", "--store needs a value")]
    [InlineData("runs", "The command line holds a value that belongs to no switch; write --switch value or --switch=value")]
    public void Build_MisspeltSwitch_IsNamedWithTheNearestKnownOne(string line, string problem) =>
        Assert.Equal(problem, Assert.Throws<SiloSettingsException>(() => SiloHost.Build(line.Split(' '))).Message);

    [Fact]
    public void Build_SeveralMisspeltSwitches_NamesAllOfThem() => Assert.Equal(
        ["--prot is no switch of a silo; the nearest is --port", "--stroe is no switch of a silo; the nearest is --store"],
        Assert.Throws<SiloSettingsException>(() => SiloHost.Build(["--prot", "1", "--threads", "1", "--stroe=x"])).Message.Split(Environment.NewLine));

    [Fact]
    public void RequireKnown_MisspeltKeysOfAFile_AreNamedWithTheNearestKnownOnes()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, """{"Silo": {"Port": 1, "GatewyPort": 2}, "Sillo": {"Port": 3}, "Logging": {"LogLevel": {"Default": "Debug"}}}""");
        IConfigurationRoot file = new ConfigurationBuilder().AddJsonFile(path).Build();
        File.Delete(path);
        SiloSettingsException refused = Assert.Throws<SiloSettingsException>(() => SiloArguments.RequireKnown(file));
        Assert.Equal(
            ["Silo:GatewyPort is no setting of a silo; the nearest is Silo:GatewayPort", "Sillo is no section of a silo's settings file; the nearest is Silo"],
            refused.Message.Split(Environment.NewLine));
    }

    [Theory]
    [InlineData("--insecure --threads 3", "True", "3")]
    [InlineData("--threads=3 --insecure", "True", "3")]
    [InlineData("--insecure false --Silo:Threads 3", "false", "3")]
    [InlineData("--threads 2 --threads 3 --insecure=false --Logging:LogLevel:Default=Debug", "false", "3")]
    public void Read_KnownSwitches_AreTaken(string line, string insecure, string threads)
    {
        Dictionary<string, string?> values = SiloArguments.Read(line.Split(' '));
        Assert.Equal((insecure, threads), (values["Silo:Insecure"], values["Silo:Threads"]));
    }

    [Fact]
    public void Build_ShardsThatCannotBePinnedHere_AreRefused()
    {
        string store = Directory.CreateTempSubdirectory("fedllm-settings-").FullName;
        string shards = Directory.CreateDirectory(Path.Combine(store, "shards")).FullName;
        try
        {
            Assert.Equal(
                ["Silo:Shards is 'nowhere', which is no folder", "Silo:Show is 'everything'; it must be labels, samples, both with a comma, or none"],
                Problems("--shards", "nowhere", "--name", "a", "--show", "everything"));
            Assert.Equal(["Silo:Shards lies in Silo:Store, which other silos read; name a folder of this silo's own"], Problems("--store", store, "--shards", shards, "--name", "a"));
            Assert.StartsWith("Silo:Name is 'a/b'; a silo with Silo:Shards needs a lasting name", Assert.Single(Problems("--shards", shards, "--name", "a/b")), StringComparison.Ordinal);
            Assert.StartsWith("Silo:Name is ''", Assert.Single(Problems("--shards", shards)), StringComparison.Ordinal);
            Assert.Equal(["Silo:Show is about Silo:Shards, which is not given"], Problems("--show", "labels"));
        }
        finally
        {
            Directory.Delete(store, recursive: true);
        }

        static string[] Problems(params string[] arguments) =>
            Assert.Throws<SiloSettingsException>(() => SiloHost.Build(arguments)).Message.Split(Environment.NewLine);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--port 0 -h")]
    public async Task Help_OfTheProgram_NamesEverySettingWithItsFormsAndDefault(string line)
    {
        (int code, string said, string error) = await Programs.RunAsync("fedllm-silo.dll", line.Split(' '));
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("fedllm-silo: ", said, StringComparison.Ordinal);
        string[] rows = [.. said.Split('\n').Where(r => r.Contains("default: ", StringComparison.Ordinal))];
        Assert.Equal(
            typeof(SiloSettings).GetProperties().Where(p => p.CanWrite).Select(p => "Silo__" + p.Name).Order(StringComparer.Ordinal),
            rows.Select(r => Regex.Match(r, "Silo__[A-Za-z]+").Value).Order(StringComparer.Ordinal));
        Assert.Equal(SiloSettings.Switches.Keys.Order(StringComparer.Ordinal), rows.Select(r => Regex.Match(r, "--[a-z-]+").Value).Where(s => s.Length > 0).Order(StringComparer.Ordinal));
        Assert.Contains(rows, r => Regex.IsMatch(r, "--gateway-port PORT +Silo__GatewayPort +default: 30000$"));
        Assert.Contains(rows, r => Regex.IsMatch(r, "--mode .* default: localhost$"));
        Assert.All(Secrets, s => Assert.Single(rows, r => r.Contains($"Silo__{s} ", StringComparison.Ordinal) && r.Contains("a secret: no switch", StringComparison.Ordinal)));

        // The example is taken as it stands.
        string[] example = said.TrimEnd().Split('\n')[^1].Trim().Split(' ');
        Assert.Equal(["Silo:Api", "Silo:GatewayPort", "Silo:Port", "Silo:Store"], SiloArguments.Read(example[1..]).Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Switches_NameEverySettingButSecrets() => Assert.Equal(
        // Other users of a machine see its command lines.
        typeof(SiloSettings).GetProperties().Where(p => p.CanWrite && !Secrets.Contains(p.Name)).Select(p => $"Silo:{p.Name}").Order(StringComparer.Ordinal),
        SiloSettings.Switches.Values.Order(StringComparer.Ordinal));
}
