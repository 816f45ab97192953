using System.Globalization;

namespace FedLLM.Silo.Localhost;

/// <summary>The silos of one machine's cluster, in the file <c>members.json</c>. It survives the death of any of them, and of all.</summary>
/// <param name="folder">The folder.</param>
/// <param name="clock">Measures the wait for the file's lock.</param>
internal sealed class FolderMembershipTable(string folder, TimeProvider clock) : IMembershipTable
{
    private readonly LockedTable<Table> _table = new(Path.Combine(folder, "members.json"), clock);

    /// <inheritdoc/>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task DeleteMembershipTableEntries(string clusterId) => _table.ChangeAsync(t =>
    {
        t.Silos.Clear();
        return true;
    });

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => _table.ChangeAsync(t =>
        t.Silos.RemoveAll(s => s.Status == SiloStatus.Dead && s.AliveAt < beforeDate.UtcDateTime) > 0);

    /// <inheritdoc/>
    public Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        ArgumentNullException.ThrowIfNull(key);
        string address = key.ToParsableString();
        return Task.FromResult(Data(s => s.Address == address));
    }

    /// <inheritdoc/>
    public Task<MembershipTableData> ReadAll() => Task.FromResult(Data(_ => true));

    /// <inheritdoc/>
    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(tableVersion);
        return _table.ChangeAsync(t =>
        {
            var row = Row.Of(entry, 1);
            if (t.ETag != tableVersion.VersionEtag || t.Silos.Any(s => s.Address == row.Address))
            {
                return false;
            }

            t.Silos.Add(row);
            t.Advance(tableVersion.Version);
            return true;
        });
    }

    /// <inheritdoc/>
    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(tableVersion);
        return _table.ChangeAsync(t =>
        {
            string address = entry.SiloAddress.ToParsableString();
            int at = t.Silos.FindIndex(s => s.Address == address);
            if (at < 0 || t.Silos[at].ETag != etag || t.ETag != tableVersion.VersionEtag)
            {
                return false;
            }

            t.Silos[at] = Row.Of(entry, t.Silos[at].Change + 1);
            t.Advance(tableVersion.Version);
            return true;
        });
    }

    /// <inheritdoc/>
    public Task UpdateIAmAlive(MembershipEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return _table.ChangeAsync(t =>
        {
            string address = entry.SiloAddress.ToParsableString();
            int at = t.Silos.FindIndex(s => s.Address == address);
            if (at >= 0)
            {
                t.Silos[at] = t.Silos[at] with { AliveAt = entry.IAmAliveTime, Change = t.Silos[at].Change + 1 };
            }

            return at >= 0;
        });
    }

    private MembershipTableData Data(Func<Row, bool> chosen)
    {
        Table table = _table.Read();
        return new MembershipTableData([.. table.Silos.Where(chosen).Select(s => Tuple.Create(s.ToEntry(), s.ETag))], new TableVersion(table.Version, table.ETag));
    }

    internal sealed class Table
    {
        public int Version { get; set; }

        public List<Row> Silos { get; set; } = [];

        [System.Text.Json.Serialization.JsonIgnore]
        public string ETag => Version.ToString(CultureInfo.InvariantCulture);

        public void Advance(int version) => Version = version;
    }

    internal sealed record Row(string Address, SiloStatus Status, string Name, string Host, int GatewayPort, DateTime StartedAt, DateTime AliveAt, long Change)
    {
        public Dictionary<string, DateTime> Suspects { get; init; } = [];

        [System.Text.Json.Serialization.JsonIgnore]
        public string ETag => Change.ToString(CultureInfo.InvariantCulture);

        public static Row Of(MembershipEntry entry, long change) => new(
            entry.SiloAddress.ToParsableString(), entry.Status, entry.SiloName, entry.HostName, entry.ProxyPort, entry.StartTime, entry.IAmAliveTime, change)
        {
            Suspects = (entry.SuspectTimes ?? []).GroupBy(s => s.Item1.ToParsableString()).ToDictionary(g => g.Key, g => g.Max(s => s.Item2)),
        };

        public MembershipEntry ToEntry() => new()
        {
            SiloAddress = SiloAddress.FromParsableString(Address),
            Status = Status,
            SiloName = Name,
            HostName = Host,
            ProxyPort = GatewayPort,
            StartTime = StartedAt,
            IAmAliveTime = AliveAt,
            SuspectTimes = [.. Suspects.Select(s => Tuple.Create(SiloAddress.FromParsableString(s.Key), s.Value))],
        };
    }
}
