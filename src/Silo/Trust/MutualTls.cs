using System.Security.Cryptography.X509Certificates;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace FedLLM.Silo.Trust;

/// <summary>TLS in which both sides show a certificate of the cluster's authority: between silos, and between Orleans clients and gateways.</summary>
public static class MutualTls
{
    /// <summary>Demands it of everybody who connects to a silo, and shows the silo's certificate where it connects itself.</summary>
    public static ISiloBuilder UseMutualTls(this ISiloBuilder silo, ClusterCertificates certificates)
    {
        ArgumentNullException.ThrowIfNull(silo);
        TlsOptions inbound = Options(certificates, certificates.IsOfClient);
        TlsOptions outbound = Options(certificates, certificates.IsOfServer);
        return silo.Configure<SiloConnectionOptions>(o =>
        {
            o.ConfigureSiloInboundConnection(c => c.UseServerTls(inbound));
            o.ConfigureGatewayInboundConnection(c => c.UseServerTls(inbound));
            o.ConfigureSiloOutboundConnection(c => c.UseClientTls(outbound));
        });
    }

    /// <summary>Lets an Orleans client connect to a cluster's gateways.</summary>
    public static IClientBuilder UseMutualTls(this IClientBuilder client, ClusterCertificates certificates)
    {
        ArgumentNullException.ThrowIfNull(client);
        TlsOptions outbound = Options(certificates, certificates.IsOfServer);
        return client.Configure<ClientConnectionOptions>(o => o.ConfigureConnection(c => c.UseClientTls(outbound)));
    }

    private static TlsOptions Options(ClusterCertificates certificates, Func<X509Certificate2, X509Certificate2Collection, bool> isOfMember) => new()
    {
        LocalCertificate = certificates.Own,
        RemoteCertificateMode = RemoteCertificateMode.RequireCertificate,
        ClientCertificateMode = RemoteCertificateMode.RequireCertificate,
        RemoteCertificateValidation = (shown, chain, _) => isOfMember(shown, chain?.ChainPolicy.ExtraStore ?? []),
    };
}
