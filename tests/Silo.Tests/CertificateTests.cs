using System.Security.Cryptography.X509Certificates;
using FedLLM.Silo.Hosting;
using FedLLM.Silo.Tests.Clusters;
using FedLLM.Silo.Trust;

namespace FedLLM.Silo.Tests;

/// <summary>Which certificates belong to a cluster, and which settings a silo refuses to open its ports with.</summary>
public sealed class CertificateTests : IDisposable
{
    private const string Server = "1.3.6.1.5.5.7.3.1";
    private const string Client = "1.3.6.1.5.5.7.3.2";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-certificates-").FullName;
    private readonly Authority _authority;
    private readonly Authority _other;

    public CertificateTests() => (_authority, _other) = (new Authority(_folder, "authority"), new Authority(_folder, "other"));

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void IsOf_CertificatesOfOneAuthority_AreTakenForWhatTheyAreFor()
    {
        ClusterCertificates own = _authority.Client("one");
        using var both = X509CertificateLoader.LoadCertificateFromFile(_authority.Issue("two"));
        using var client = X509CertificateLoader.LoadCertificateFromFile(_authority.Issue("client", uses: [Client]));
        using var late = X509CertificateLoader.LoadCertificateFromFile(_authority.Issue("late", days: -1));
        using var foreign = X509CertificateLoader.LoadCertificateFromFile(_other.Issue("foreign"));
        Assert.Equal((true, true), (own.IsOfServer(both, []), own.IsOfClient(both, [])));
        Assert.Equal((false, true), (own.IsOfServer(client, []), own.IsOfClient(client, [])));
        Assert.Equal((false, false), (own.IsOfServer(late, []), own.IsOfClient(late, [])));
        Assert.Equal((false, false), (own.IsOfServer(foreign, []), own.IsOfClient(foreign, [])));
        Assert.False(own.IsOfClient(foreign, [foreign]));
    }

    [Fact]
    public void Load_TwoAuthorities_TakesCertificatesOfBoth()
    {
        string both = Path.Combine(_folder, "both.pem");
        File.WriteAllText(both, File.ReadAllText(_authority.Path) + "\n" + File.ReadAllText(_other.Path));
        ClusterCertificates own = ClusterCertificates.Load(_authority.Issue("one"), null, null, both);
        Assert.True(own.IsOfClient(_other.Client("two").Own, []));
    }

    [Fact]
    public void Load_EncryptedKey_NeedsItsPassword()
    {
        string certificate = _authority.Issue("one", password: "sesame");
        Assert.True(ClusterCertificates.Load(certificate, null, "sesame", _authority.Path).Own.HasPrivateKey);
        SiloSettingsException refused = Assert.Throws<SiloSettingsException>(() => ClusterCertificates.Load(certificate, null, "simsim", _authority.Path));
        Assert.Contains("Silo:Certificate", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("simsim", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other's", "not of the authority")]
    [InlineData("late", "not valid now")]
    [InlineData("server's", "for servers and clients both")]
    [InlineData("missing", "Silo:Certificate")]
    [InlineData("keyless", "Silo:Certificate")]
    [InlineData("no authority", "Silo:Authority")]
    public void Load_WhatOtherSilosWouldRefuse_IsRefusedAtTheStart(string which, string why)
    {
        string authority = which == "no authority" ? Path.Combine(_folder, "nothing.pem") : _authority.Path;
        string certificate = which switch
        {
            "other's" => _other.Issue("one"),
            "late" => _authority.Issue("one", days: -1),
            "server's" => _authority.Issue("one", uses: [Server]),
            "missing" => Path.Combine(_folder, "nothing.pem"),
            "keyless" => _authority.Path,
            _ => _authority.Issue("one"),
        };
        SiloSettingsException refused = Assert.Throws<SiloSettingsException>(() => ClusterCertificates.Load(certificate, null, null, authority));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_OffLoopback_AsksForCertificatesUnlessInsecureIsSaid()
    {
        var open = new SiloSettings { Mode = ClusterMode.Azure, ConnectionString = "x", Address = "10.0.0.5" };
        (open with { Insecure = true }).Check(["cpu"]);
        (open with { Certificate = "own.pem", Authority = "authority.pem" }).Check(["cpu"]);
        Assert.Contains("--insecure", Refusal(open), StringComparison.Ordinal);
        Assert.Contains("belong together", Refusal(open with { Certificate = "own.pem" }), StringComparison.Ordinal);
        Assert.Contains("contradicts", Refusal(open with { Certificate = "own.pem", Authority = "a.pem", Insecure = true }), StringComparison.Ordinal);
    }

    private static string Refusal(SiloSettings settings) => Assert.Throws<SiloSettingsException>(() => settings.Check(["cpu"])).Message;
}
