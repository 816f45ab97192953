using System.Globalization;
using System.Text;

namespace FedLLM.Silo.Hosting;

/// <summary>What a silo says of itself on <c>--help</c>.</summary>
internal static class SiloHelp
{
    private static readonly string[] Asking = ["--help", "-h", "-?"];

    // By name: what stands for the value, the default where the setting has none of its own, and the meaning.
    private static readonly (string Name, string Value, string? Default, string Meaning)[] Settings =
    [
        (nameof(SiloSettings.Mode), "localhost|adonet|azure", null, "where the cluster keeps its members, its grains' state and its reminders: a folder, PostgreSQL, Azure Storage"),
        (nameof(SiloSettings.Cluster), "NAME", null, "the cluster's name; silos of one name and one such place belong together"),
        (nameof(SiloSettings.Name), "NAME", "machine and port", "the silo's name, for people and for the clients of its shards"),
        (nameof(SiloSettings.Address), "IP", null, "the address at which the other silos reach this one"),
        (nameof(SiloSettings.Port), "PORT", null, "for the other silos"),
        (nameof(SiloSettings.GatewayPort), "PORT", null, "for Orleans clients; 0 for none"),
        (nameof(SiloSettings.ConnectionString), "TEXT", "none", "of PostgreSQL or Azure Storage"),
        (nameof(SiloSettings.Store), "FOLDER|blobs", null, "where the run directories are: a folder that all silos share, or a container of Azure Blob Storage"),
        (nameof(SiloSettings.StoreConnectionString), "TEXT", "with mode azure, that of ConnectionString", "of the Azure Storage account of a store in blobs"),
        (nameof(SiloSettings.State), "FOLDER", ".cluster in the store", "with mode localhost: the cluster's own files"),
        (nameof(SiloSettings.Devices), "LIST", null, "what clients may train on here, separated by commas, or none"),
        (nameof(SiloSettings.Certificate), "FILE", "none", "the silo's certificate, PEM or PKCS#12; required off loopback"),
        (nameof(SiloSettings.CertificateKey), "FILE", "in the certificate's file", "its private key, PEM"),
        (nameof(SiloSettings.CertificatePassword), "TEXT", "none", "the key's password"),
        (nameof(SiloSettings.Authority), "FILE", "none", "the certificate of the authority that issued those of all silos and clients, PEM"),
        (nameof(SiloSettings.Insecure), "", null, "open the ports off loopback without certificates"),
        (nameof(SiloSettings.Threads), "NUMBER", "all of the machine's", "threads that train and evaluate"),
        (nameof(SiloSettings.GatherMilliseconds), "NUMBER", null, "how long an idle device waits for more clients of a cohort, so that they train side by side"),
        (nameof(SiloSettings.Api), "URL", null, "where the HTTP API and the dashboard listen, such as http://127.0.0.1:5080"),
        (nameof(SiloSettings.Token), "TEXT", "$" + SiloSettings.TokenVariable, "what whoever uses the API must show"),
        (nameof(SiloSettings.Shards), "FOLDER", "none", "the shards that are pinned to this silo; needs a name"),
        (nameof(SiloSettings.Show), "labels,samples", null, "what experiments may show of those shards besides counts"),
        (nameof(SiloSettings.Data), "FOLDER", null, "where relative paths of experiments start that come over the API"),
        (nameof(SiloSettings.WakeSeconds), "NUMBER", null, "how often running runs are looked after, 1 to 60"),
        (nameof(SiloSettings.ProbeSeconds), "NUMBER", null, "how long a silo may take to answer another's probe, 1 to 60; three missed ones are its death"),
    ];

    /// <summary>Whether a command line asks for it.</summary>
    public static bool IsAsked(IEnumerable<string> args) => args.Any(a => Asking.Contains(a, StringComparer.Ordinal));

    /// <summary>Returns it: every setting with its default and its forms, and an example.</summary>
    /// <param name="program">The program's name.</param>
    /// <param name="kinds">The kinds of device that it may train on.</param>
    public static string Text(string program, IReadOnlyList<string> kinds)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            {program}: a silo of a FedLLM cluster. SIGTERM ends it in order.

            Usage: {program} [--switch value | --switch=value]...

            Settings come from appsettings.json beside the program (section Silo), from the environment and from the command line; of several the last counts. Secrets
            have no switch, since other users of a machine see its command lines. --Logging:LogLevel:Default=Debug and the like set what is logged.


            """);
        var defaults = new SiloSettings();
        foreach ((string name, string value, string? otherwise, string meaning) in Settings)
        {
            string form = SwitchOf(name) is { } known ? $"{known} {value}".TrimEnd() : "(a secret: no switch)";
            string usual = otherwise ?? Convert.ToString(typeof(SiloSettings).GetProperty(name)!.GetValue(defaults), CultureInfo.InvariantCulture)!.ToLowerInvariant();
            string among = name == nameof(SiloSettings.Devices) ? $"; this program has {string.Join(", ", kinds)}" : "";
            text.Append(CultureInfo.InvariantCulture, $"  {form,-34} {SiloSettings.Section}__{name,-24} default: {usual}\n      {meaning}{among}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"""

              -h, --help                         this text

            Example, the first silo of a cluster on one machine, with the API and the dashboard:
              {program} --port 11111 --gateway-port 30000 --store runs --api http://127.0.0.1:5080

            """);
        return text.ToString();
    }

    private static string? SwitchOf(string name) => SiloSettings.Switches.FirstOrDefault(s => s.Value == $"{SiloSettings.Section}:{name}").Key;
}
