using FedLLM.Silo.Hosting;

namespace FedLLM.Silo.Tests;

/// <summary>What a silo refuses to start with.</summary>
public sealed class SiloSettingsTests
{
    private static readonly string[] Secrets = [nameof(SiloSettings.Token), nameof(SiloSettings.ConnectionString), nameof(SiloSettings.CertificatePassword)];

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

    [Theory]
    [InlineData("--mode", "carrier-pigeon")]
    [InlineData("--Silo:Portt", "11111")]
    public void Build_UnknownModeOrKey_IsRefused(string name, string value) => Assert.Throws<SiloSettingsException>(() => SiloHost.Build([name, value]));

    [Fact]
    public void Switches_NameEverySettingButSecrets() => Assert.Equal(
        // Other users of a machine see its command lines.
        typeof(SiloSettings).GetProperties().Where(p => p.CanWrite && !Secrets.Contains(p.Name)).Select(p => $"Silo:{p.Name}").Order(StringComparer.Ordinal),
        SiloSettings.Switches.Values.Order(StringComparer.Ordinal));
}
