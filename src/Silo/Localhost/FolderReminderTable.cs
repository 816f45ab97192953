using System.Globalization;

namespace FedLLM.Silo.Localhost;

/// <summary>The reminders of one machine's cluster, in the file <c>reminders.json</c>.</summary>
/// <param name="folder">The folder.</param>
/// <param name="clock">Measures the wait for the file's lock.</param>
internal sealed class FolderReminderTable(string folder, TimeProvider clock) : IReminderTable
{
    private readonly LockedTable<Table> _table = new(Path.Combine(folder, "reminders.json"), clock);

    /// <inheritdoc/>
    public Task<ReminderTableData> ReadRows(GrainId grainId) => Rows(r => r.Grain == grainId.ToString());

    /// <inheritdoc/>
    public Task<ReminderTableData> ReadRows(uint begin, uint end) => Rows(r =>
    {
        // The half-open arc (begin, end] of the ring of hashes; all of it where both are the same.
        uint hash = GrainId.Parse(r.Grain, CultureInfo.InvariantCulture).GetUniformHashCode();
        return begin < end ? hash > begin && hash <= end : hash > begin || hash <= end;
    });

    /// <inheritdoc/>
    public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName)
    {
        string grain = grainId.ToString();
        return Task.FromResult(_table.Read().Reminders.Find(r => r.Grain == grain && r.Name == reminderName)?.ToEntry());
    }

    /// <inheritdoc/>
    public async Task<string?> UpsertRow(ReminderEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        long change = 0;
        await _table.ChangeAsync(t =>
        {
            string grain = entry.GrainId.ToString();
            t.Reminders.RemoveAll(r => r.Grain == grain && r.Name == entry.ReminderName);
            change = ++t.Changes;
            t.Reminders.Add(new Row(grain, entry.ReminderName, entry.StartAt, entry.Period, change));
            return true;
        }).ConfigureAwait(false);
        return change.ToString(CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag)
    {
        string grain = grainId.ToString();
        return _table.ChangeAsync(t => t.Reminders.RemoveAll(r => r.Grain == grain && r.Name == reminderName && r.ETag == eTag) > 0);
    }

    /// <inheritdoc/>
    public Task TestOnlyClearTable() => _table.ChangeAsync(t =>
    {
        t.Reminders.Clear();
        return true;
    });

    private Task<ReminderTableData> Rows(Func<Row, bool> chosen) =>
        Task.FromResult(new ReminderTableData(_table.Read().Reminders.Where(chosen).Select(r => r.ToEntry())));

    internal sealed class Table
    {
        public long Changes { get; set; }

        public List<Row> Reminders { get; set; } = [];
    }

    internal sealed record Row(string Grain, string Name, DateTime StartAt, TimeSpan Period, long Change)
    {
        [System.Text.Json.Serialization.JsonIgnore]
        public string ETag => Change.ToString(CultureInfo.InvariantCulture);

        public ReminderEntry ToEntry() =>
            new() { GrainId = GrainId.Parse(Grain, CultureInfo.InvariantCulture), ReminderName = Name, StartAt = StartAt, Period = Period, ETag = ETag };
    }
}
