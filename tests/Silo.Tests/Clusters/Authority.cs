using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FedLLM.Silo.Trust;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>An authority that issues certificates as files in a folder.</summary>
internal sealed class Authority : IDisposable
{
    private static readonly DateTimeOffset From = TimeProvider.System.GetUtcNow().AddMinutes(-5);
    private readonly string _folder;
    private readonly string _name;
    private readonly X509Certificate2 _own;
    private byte _serial;

    public Authority(string folder, string name)
    {
        (_folder, _name) = (folder, name);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _own = request.CreateSelfSigned(From, From.AddDays(2));
        File.WriteAllText(FileOf("pem"), _own.ExportCertificatePem());
    }

    /// <summary>The authority's certificate.</summary>
    public string Path => FileOf("pem");

    /// <summary>Issues a certificate, with its key in one PEM file, and returns the file.</summary>
    /// <param name="owner">Its owner's name.</param>
    /// <param name="days">How long it is valid; negative for one that is no longer.</param>
    /// <param name="uses">What it is for, as object identifiers.</param>
    /// <param name="password">Of the key, or null.</param>
    public string Issue(string owner, double days = 1, string[]? uses = null, string? password = null)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={owner}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. (uses ?? ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]).Select(u => new Oid(u))], false));
        using X509Certificate2 issued = request.Create(_own, From, days > 0 ? From.AddDays(days) : From.AddMinutes(1), [++_serial]);
        string path = FileOf($"{owner}.pem");
        string secret = password is null
            ? key.ExportPkcs8PrivateKeyPem()
            : key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000));
        File.WriteAllText(path, issued.ExportCertificatePem() + "\n" + secret + "\n");
        return path;
    }

    /// <summary>The settings of a silo with a certificate of this authority.</summary>
    public string[] Silo(string owner) => ["--certificate", Issue(owner), "--authority", Path];

    /// <summary>What a client connects with.</summary>
    public ClusterCertificates Client(string owner) => ClusterCertificates.Load(Issue(owner), null, null, Path);

    public void Dispose() => _own.Dispose();

    private string FileOf(string ending) => System.IO.Path.Combine(_folder, $"{_name}.{ending}");
}
