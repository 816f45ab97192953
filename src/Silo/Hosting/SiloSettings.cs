using System.Net;
using System.Text.RegularExpressions;
using FedLLM.Dashboard.Hosting;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Pinning;
using FedLLM.Silo.Trust;

namespace FedLLM.Silo.Hosting;

/// <summary>Where a silo keeps what its cluster must not forget: who is a member, what grains store, when runs are to be woken.</summary>
public enum ClusterMode
{
    /// <summary>Files in a folder, for silos of one machine. Nothing needs to be installed.</summary>
    Localhost,

    /// <summary>PostgreSQL.</summary>
    AdoNet,

    /// <summary>Azure Storage: tables for members and reminders, blobs for grains.</summary>
    Azure,
}

/// <summary>A silo's settings: section <c>Silo</c> of appsettings.json, of the environment (<c>Silo__Port</c>) and of the command line (<c>--port</c>).</summary>
public sealed partial record SiloSettings
{
    /// <summary>The section's name.</summary>
    public const string Section = "Silo";

    /// <summary>The environment variable that holds the API's token, for silos and the command line alike.</summary>
    public const string TokenVariable = "FEDLLM_CLUSTER_TOKEN";

    private const string None = "none";
    private const string Blobs = "blobs";
    private const string Labels = "labels";
    private const string Samples = "samples";

    /// <summary>The command line's short names. Secrets have none: other users of a machine see its command lines.</summary>
    public static IReadOnlyDictionary<string, string> Switches { get; } =
        new[]
        {
            nameof(Mode), nameof(Cluster), nameof(Name), nameof(Address), nameof(Port), nameof(GatewayPort), nameof(Store), nameof(State),
            nameof(Devices), nameof(Threads), nameof(GatherMilliseconds), nameof(WakeSeconds), nameof(ProbeSeconds), nameof(Api), nameof(Data),
            nameof(Certificate), nameof(CertificateKey), nameof(Authority), nameof(Insecure), nameof(Shards), nameof(Show),
        }.ToDictionary(n => "--" + string.Concat(n.Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}")), n => $"{Section}:{n}");

    /// <summary>Where the cluster keeps what it must not forget. Default localhost.</summary>
    public ClusterMode Mode { get; init; }

    /// <summary>The cluster's name; silos of one name and one store of members find each other. Default fedllm.</summary>
    public string Cluster { get; init; } = "fedllm";

    /// <summary>The silo's name, for people. Default: the machine's name and the port.</summary>
    public string? Name { get; init; }

    /// <summary>The IP address at which the other silos reach this one. Default 127.0.0.1.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>The port for the other silos, from 1 to 65535. Default 11111.</summary>
    public int Port { get; init; } = 11111;

    /// <summary>The port for Orleans clients, or 0 for none. Default 30000.</summary>
    public int GatewayPort { get; init; } = 30000;

    /// <summary>How to reach PostgreSQL or Azure Storage; a secret. Required with those modes.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Where the run directories are: a folder that all silos share, or <c>blobs</c> for a container of Azure Blob Storage. Default runs.</summary>
    public string Store { get; init; } = "runs";

    /// <summary>How to reach the Azure Storage account of a store on blobs; a secret. Default: with mode azure, <see cref="ConnectionString"/>.</summary>
    public string? StoreConnectionString { get; init; }

    /// <summary>With mode localhost: the folder of the cluster's own state. Default: <c>.cluster</c> in the store, where that is a folder.</summary>
    public string? State { get; init; }

    /// <summary>The devices that clients may train on here, separated by commas: <c>cpu</c>, or, of a silo that has them, <c>cuda</c> for all GPUs or <c>cuda:1</c> for one; or <c>none</c>. Default cpu.</summary>
    public string Devices { get; init; } = "cpu";

    /// <summary>Threads that train and evaluate, at least 1; null for all of the machine's.</summary>
    public int? Threads { get; init; }

    /// <summary>How long an idle device waits for others of a cohort once a first client has come, so that they train side by side; 0 or more. Default 50.</summary>
    public int GatherMilliseconds { get; init; } = 50;

    /// <summary>How often running runs are looked after, from 1 to 60: what an unattended restart of a coordinator takes at most once its silo's death is known. Default 30.</summary>
    public int WakeSeconds { get; init; } = 30;

    /// <summary>How long a silo may take to answer another's probe, from 1 to 60; one that misses three is given up for dead by the others. Default 5.</summary>
    public int ProbeSeconds { get; init; } = 5;

    /// <summary>Where the API and the dashboard listen, such as <c>http://127.0.0.1:5080</c>, or <c>none</c>. Default none.</summary>
    public string Api { get; init; } = None;

    /// <summary>What whoever uses the API must show; a secret. Default: the environment variable <see cref="TokenVariable"/>. Required off loopback.</summary>
    public string? Token { get; init; }

    /// <summary>Where relative paths of experiments start that come over the API, the same on all silos. Default: the working directory.</summary>
    public string Data { get; init; } = ".";

    /// <summary>The silo's certificate, PEM or PKCS#12, which it shows to other silos and to Orleans clients. Default: none, and no TLS. Required off loopback.</summary>
    public string? Certificate { get; init; }

    /// <summary>The certificate's private key, PEM. Default: it is in the certificate's file.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>The key's password; a secret. Default: it has none.</summary>
    public string? CertificatePassword { get; init; }

    /// <summary>The certificate of the authority that issued those of all silos and clients, PEM. Required with a certificate.</summary>
    public string? Authority { get; init; }

    /// <summary>Whether connections are to be neither encrypted nor authenticated, also off loopback. Default false.</summary>
    public bool Insecure { get; init; }

    /// <summary>The folder of the shards that are pinned to this silo; needs <see cref="Name"/>, by which their clients find it. Default: none.</summary>
    public string? Shards { get; init; }

    /// <summary>What an experiment may let be shown of those shards besides counts, separated by commas: <c>labels</c>, <c>samples</c>; or <c>none</c>. Default none.</summary>
    public string Show { get; init; } = None;

    /// <summary>The shards that are pinned to this silo.</summary>
    public ShardFolder ShardFolder() => new(Name ?? "", Shards is null ? null : Path.GetFullPath(Shards))
    {
        ShowsLabels = Names(Show).Contains(Labels),
        ShowsSamples = Names(Show).Contains(Samples),
    };

    /// <summary>Whether the run directories are blobs.</summary>
    public bool StoresBlobs => Store == Blobs;

    /// <summary>The setting that holds <see cref="BlobConnection"/>.</summary>
    public string BlobConnectionName => $"{Section}:{(StoreConnectionString is null ? nameof(ConnectionString) : nameof(StoreConnectionString))}";

    /// <summary>Where the API listens, or null where it does not.</summary>
    public Uri? ApiUri => Api != None && Uri.TryCreate(Api, UriKind.Absolute, out Uri? url) ? url : null;

    /// <summary>What whoever uses the API must show, or null.</summary>
    public string? ApiToken() => (Token ?? Environment.GetEnvironmentVariable(TokenVariable)) is { Length: > 0 } token ? token : null;

    /// <summary>How to reach the Azure Storage account of a store on blobs; null where nothing says.</summary>
    public string? BlobConnection() => StoreConnectionString ?? (Mode == ClusterMode.Azure ? ConnectionString : null);

    /// <summary>The certificates for TLS, or null without.</summary>
    /// <exception cref="SiloSettingsException">They cannot be used.</exception>
    public ClusterCertificates? Certificates() => Certificate is null ? null : ClusterCertificates.Load(Certificate, CertificateKey, CertificatePassword, Authority!);

    /// <summary>The silo's name, without any secret.</summary>
    public override string ToString() => Name ?? FormattableString.Invariant($"{Environment.MachineName}-{Port}");

    /// <summary>The devices by name.</summary>
    public IReadOnlyList<string> DeviceNames() => Names(Devices);

    /// <summary>Where the cluster's own state is with mode localhost.</summary>
    public string StateFolder() => Path.GetFullPath(State ?? Path.Combine(Store, ".cluster"));

    private static string[] Names(string list) => list == None ? [] : list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool IsWithin(string folder, string outer) =>
        (Path.GetFullPath(folder) + Path.DirectorySeparatorChar).StartsWith(Path.TrimEndingDirectorySeparator(Path.GetFullPath(outer)) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    [GeneratedRegex(@"\A(?=.{1,40}\z)[a-z0-9]+(-[a-z0-9]+)*\z")]
    private static partial Regex ClusterName();

    /// <summary>Throws what is wrong with the values, all at once.</summary>
    /// <param name="kinds">The kinds of device that this silo may train on.</param>
    /// <exception cref="SiloSettingsException">Something is.</exception>
    public void Check(IReadOnlyList<string> kinds)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds)
            {
                problems.Add(problem);
            }
        }

        Require(IPAddress.TryParse(Address, out _), $"Silo:Address is '{Address}'; name the IP address at which other silos reach this one");
        Require(ClusterName().IsMatch(Cluster), $"Silo:Cluster is '{Cluster}'; it must be made of lower-case letters, digits and single '-' between them, at most 40");
        Require(Port is >= 1 and <= 65535, $"Silo:Port is {Port}; it must be from 1 to 65535");
        Require(GatewayPort is >= 0 and <= 65535, $"Silo:GatewayPort is {GatewayPort}; it must be from 0 (no gateway) to 65535");
        Require(Mode == ClusterMode.Localhost || !string.IsNullOrEmpty(ConnectionString), "Silo:ConnectionString is required with this mode; set it in the environment (Silo__ConnectionString)");
        Require(!StoresBlobs || !string.IsNullOrEmpty(BlobConnection()), "Silo:StoreConnectionString is required with Silo:Store blobs; set it in the environment (Silo__StoreConnectionString)");
        Require(!StoresBlobs || Mode != ClusterMode.Localhost || State is not null, "Silo:State is required with mode localhost and Silo:Store blobs; name a folder for the cluster's own state");
        Require(Mode != ClusterMode.Localhost || Address == "127.0.0.1", "Silo:Address must be 127.0.0.1 with mode localhost, which is for silos of one machine");
        Require(Api == None || DashboardServer.ProblemOf(Api) is null, $"Silo:Api: {DashboardServer.ProblemOf(Api)}");
        Require(ApiUri is null || ApiUri.IsLoopback || ApiToken() is not null, $"Silo:Api is '{Api}', which other machines can reach; set a token in the environment ({TokenVariable})");
        Require(Certificate is null == Authority is null, "Silo:Certificate and Silo:Authority belong together; give both, or neither");
        Require(Certificate is not null || (CertificateKey ?? CertificatePassword) is null, "Silo:CertificateKey and Silo:CertificatePassword are of Silo:Certificate, which is not given");
        Require(!Insecure || Certificate is null, "Silo:Insecure contradicts Silo:Certificate; leave out one of them");
        Require(
            Insecure || Certificate is not null || !IPAddress.TryParse(Address, out IPAddress? address) || IPAddress.IsLoopback(address),
            $"Silo:Address is '{Address}', which other machines can reach; give Silo:Certificate and Silo:Authority, or --insecure where the network itself keeps others out");
        Require(Directory.Exists(Data), $"Silo:Data is '{Data}', which is no folder");
        Require(Shards is null || Directory.Exists(Shards), $"Silo:Shards is '{Shards}', which is no folder");
        Require(Shards is null || StoresBlobs || !IsWithin(Shards, Store), "Silo:Shards lies in Silo:Store, which other silos read; name a folder of this silo's own");
        Require(
            Shards is null || (Name is not null && ExperimentName.IsOne(Name)),
            $"Silo:Name is '{Name}'; a silo with Silo:Shards needs a lasting name of letters, digits, '.', '_' and '-', a letter or digit first, at most 100");
        Require(Names(Show).All(n => n is Labels or Samples), $"Silo:Show is '{Show}'; it must be labels, samples, both with a comma, or none");
        Require(Show == None || Shards is not null, "Silo:Show is about Silo:Shards, which is not given");
        Require(Threads is null or >= 1, $"Silo:Threads is {Threads}; it must be at least 1");
        Require(GatherMilliseconds is >= 0 and <= 60_000, $"Silo:GatherMilliseconds is {GatherMilliseconds}; it must be from 0 to 60000");
        Require(WakeSeconds is >= 1 and <= 60, $"Silo:WakeSeconds is {WakeSeconds}; it must be from 1 to 60");
        Require(ProbeSeconds is >= 1 and <= 60, $"Silo:ProbeSeconds is {ProbeSeconds}; it must be from 1 to 60");
        foreach (string device in DeviceNames().Where(d => !kinds.Contains(d.Split(':')[0], StringComparer.Ordinal)))
        {
            Require(false, $"Silo:Devices names '{device}', which this silo cannot train on; it can on: {string.Join(", ", kinds)}");
        }

        if (problems.Count > 0)
        {
            throw new SiloSettingsException(string.Join(Environment.NewLine, problems));
        }
    }
}

/// <summary>A silo's settings cannot be used. The message has a line for each problem, without secrets.</summary>
public sealed class SiloSettingsException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public SiloSettingsException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
