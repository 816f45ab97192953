using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FedLLM.Silo.Hosting;

namespace FedLLM.Silo.Trust;

/// <summary>
/// What makes a process a member of a cluster: a certificate of its own, and the authority that issued everybody's. Who shows a certificate of that authority
/// belongs to the cluster, whatever its name and address.
/// </summary>
public sealed class ClusterCertificates
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2Collection _authority;

    private ClusterCertificates(X509Certificate2 own, X509Certificate2Collection authority) => (Own, _authority) = (own, authority);

    /// <summary>This process's certificate, with its private key.</summary>
    public X509Certificate2 Own { get; }

    /// <summary>Reads them.</summary>
    /// <param name="certificate">The process's certificate: PEM, or PKCS#12 (<c>.pfx</c>, <c>.p12</c>) with its key.</param>
    /// <param name="key">The private key, PEM; null where it is in the certificate's file.</param>
    /// <param name="password">The key's password, or null.</param>
    /// <param name="authority">The authority's certificate, PEM. Several stand for one authority that follows another.</param>
    /// <exception cref="SiloSettingsException">A file cannot be read, they do not belong together, or the certificate is not valid now; the message holds no secret.</exception>
    public static ClusterCertificates Load(string certificate, string? key, string? password, string authority)
    {
        var trusted = new X509Certificate2Collection();
        Read("Silo:Authority", authority, () => trusted.ImportFromPemFile(authority));
        if (trusted.Count == 0)
        {
            throw new SiloSettingsException($"Silo:Authority: '{authority}' holds no certificate in PEM");
        }

        X509Certificate2? own = null;
        Read("Silo:Certificate", certificate, () => own = ReadOwn(certificate, key, password));
        var loaded = new ClusterCertificates(own!, trusted);
        if (!own!.HasPrivateKey)
        {
            throw new SiloSettingsException($"Silo:Certificate: '{certificate}' holds no private key; name its file as Silo:CertificateKey");
        }

        return loaded.IsOfClient(own, []) && loaded.IsOfServer(own, [])
            ? loaded
            : throw new SiloSettingsException(
                $"Silo:Certificate: '{certificate}' is not valid now, is not of the authority '{authority}', or is not for servers and clients both; the other silos would refuse it");
    }

    /// <summary>Returns whether the authority issued a certificate to connect with, valid now.</summary>
    /// <param name="shown">What was shown.</param>
    /// <param name="between">Certificates between it and the authority that were shown with it.</param>
    public bool IsOfClient(X509Certificate2 shown, X509Certificate2Collection between) => IsOfMember(shown, between, ClientUse);

    /// <summary>Returns whether the authority issued a certificate to be connected to, valid now.</summary>
    /// <param name="shown">What was shown.</param>
    /// <param name="between">Certificates between it and the authority that were shown with it.</param>
    public bool IsOfServer(X509Certificate2 shown, X509Certificate2Collection between) => IsOfMember(shown, between, ServerUse);

    // The machine's own trusted authorities count for nothing here, and nobody is asked over the network.
    private bool IsOfMember(X509Certificate2 shown, X509Certificate2Collection between, string use)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authority);
        chain.ChainPolicy.ExtraStore.AddRange(between);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
        return chain.Build(shown);
    }

    private static X509Certificate2 ReadOwn(string certificate, string? key, string? password)
    {
        if (Path.GetExtension(certificate).ToUpperInvariant() is ".PFX" or ".P12")
        {
            return X509CertificateLoader.LoadPkcs12FromFile(certificate, password);
        }

        X509Certificate2 read = string.IsNullOrEmpty(password)
            ? X509Certificate2.CreateFromPemFile(certificate, key)
            : X509Certificate2.CreateFromEncryptedPemFile(certificate, password, key);

        // Windows opens no connection with a key that is in memory alone.
        return OperatingSystem.IsWindows() ? X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null) : read;
    }

    private static void Read(string setting, string path, Action read)
    {
        try
        {
            read();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new SiloSettingsException($"{setting}: '{path}' cannot be used: {fault.Message}", fault);
        }
    }
}
