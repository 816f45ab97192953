using System.Text.Json;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>
/// Follows a run's journal for what <c>rounds.jsonl</c> does not say: which clients of the round under way are done, and when the run was opened again.
/// Lines are told apart by their beginning; only the few that matter are parsed.
/// </summary>
internal sealed class JournalFollower(string path)
{
    // {"check":"<32 digits>","entry":{"<kind>":…
    private const int KindAt = 10 + 32 + 10 + 1;

    // A long run's journal is hundreds of megabytes, and its rounds must not wait for it: it is read in parts, a look each.
    private const long MostBytes = 8 << 20;

    private readonly LineFollower _lines = new(path);
    private readonly HashSet<int> _finished = [];
    private readonly List<RunEvent> _resumed = [];
    private int _round = -1; // the round of the newest receipts
    private bool _untold;

    /// <summary>The round of the newest receipts; -1 without any.</summary>
    public int Round => _round;

    /// <summary>Clients whose update of that round is stored.</summary>
    public int Finished => _finished.Count;

    /// <summary>The times the run was opened again, oldest first.</summary>
    public IReadOnlyList<RunEvent> Resumed => _resumed;

    /// <summary>When the journal was last written, or null.</summary>
    public DateTime? Written => _lines.Written;

    /// <summary>Looks at the file again; true where something that matters changed.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public bool Refresh()
    {
        FollowStep step = _lines.Read(Restart, line => _untold |= Take(line), MostBytes);
        _untold |= step == FollowStep.Restarted;
        bool changed = _untold && !_lines.IsBehind; // what is no more than the past is not news
        _untold &= !changed;
        return changed;
    }

    private void Restart()
    {
        _finished.Clear();
        _resumed.Clear();
        _round = -1;
    }

    private bool Take(ReadOnlySpan<byte> line)
    {
        if (line.Length <= KindAt || line[^1] != (byte)'}')
        {
            return false;
        }

        ReadOnlySpan<byte> kind = line[KindAt..];
        if (kind.StartsWith("\"receipt\":"u8))
        {
            return TakeReceipt(line[(KindAt - 1)..^1]);
        }

        return kind.StartsWith("\"resume\":"u8) && TakeResume(line[(KindAt - 1)..^1]);
    }

    // {"receipt":{"round":7,"state":"…","client":3,…: both come before what is long.
    private bool TakeReceipt(ReadOnlySpan<byte> entry)
    {
        var reader = new Utf8JsonReader(entry);
        int? round = null;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth != 2)
                {
                    continue;
                }

                bool isRound = reader.ValueTextEquals("round"u8);
                bool isClient = reader.ValueTextEquals("client"u8);
                if (!isRound && !isClient)
                {
                    continue;
                }

                reader.Read();
                if (isRound)
                {
                    round = reader.GetInt32();
                }
                else if (round is { } of)
                {
                    if (of != _round)
                    {
                        _finished.Clear();
                        _round = of;
                    }

                    return _finished.Add(reader.GetInt32());
                }
            }
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // The journal's own reader finds damage; here it is a line without news.
        }

        return false;
    }

    private bool TakeResume(ReadOnlySpan<byte> entry)
    {
        var reader = new Utf8JsonReader(entry);
        try
        {
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement resume = document.RootElement.GetProperty("resume");
            int round = resume.GetProperty("round").GetInt32();
            string[] changed = [.. resume.GetProperty("changed").EnumerateArray().Select(c => c.GetString() ?? string.Empty)];
            string with = changed.Length == 0 ? string.Empty : $" with other values of {string.Join(", ", changed)}";
            _resumed.Add(new RunEvent(Math.Max(0, round), "resumed", $"The run was continued after round {Math.Max(0, round)}{with}."));
            return true;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            return false;
        }
    }
}
