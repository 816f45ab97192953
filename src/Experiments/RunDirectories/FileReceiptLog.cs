using System.Text.Json;
using FedLLM.Experiments.Clients;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// What clients in other processes have stored, a file for each client and round beside the journal, which one process alone writes. The run's owner reads them,
/// and deletes those of rounds that a checkpoint covers.
/// </summary>
/// <param name="files">The file system.</param>
/// <param name="paths">Where things are.</param>
/// <param name="store">Holds what the receipts name.</param>
internal sealed class FileReceiptLog(IRunFiles files, RunPaths paths, FileTensorStore store) : IReceiptLog
{
    /// <summary>Whether clients in other processes have ever worked on the run, as far as can be told.</summary>
    public bool Exists => files.IsShared || files.List(paths.Root, folders: true).Contains(paths.Receipts);

    /// <inheritdoc/>
    public ClientReceipt? FindReceipt(RoundInstruction instruction, int client)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        return Read(files, paths.Receipt(instruction.Round, client)) is { } entry
            && (entry.Round, entry.Client) == (instruction.Round, client)
            && entry.Instruction == InstructionFingerprint.Of(instruction, client)
            && entry.Hashes.All(store.IsWhole)
                ? entry.ToReceipt()
                : null;
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void RecordReceipt(RoundInstruction instruction, ClientReceipt receipt)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(receipt);
        var entry = new JournalEntry { Receipt = ReceiptEntry.From(instruction.Round, InstructionFingerprint.Of(instruction, receipt.Client), receipt) };
        string path = paths.Receipt(instruction.Round, receipt.Client);
        try
        {
            files.CreateFolder(paths.Receipts);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(path, e);
        }

        (byte[] line, _) = CheckedLine.Encode(JsonSerializer.SerializeToUtf8Bytes(entry, JournalJson.Default.JournalEntry), string.Empty);
        files.WriteWhole(path, line);
    }

    /// <summary>Lists the whole receipts with their files; one that is damaged stands for nothing.</summary>
    /// <exception cref="RunStorageException">They cannot be read.</exception>
    public IReadOnlyList<(string Path, ReceiptEntry Entry)> List() =>
        [.. files.List(paths.Receipts).Select(path => (path, Read(files, path))).Where(r => r.Item2 is not null).Select(r => (r.path, r.Item2!))];

    /// <summary>Deletes receipts.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void Delete(IEnumerable<string> receipts)
    {
        foreach (string path in receipts)
        {
            try
            {
                files.Delete(path);
            }
            catch (Exception e) when (RunStorageException.IsRefusal(e))
            {
                throw RunStorageException.Unwritable(path, e);
            }
        }
    }

    /// <summary>Reads a receipt's file; null where there is none or it is not whole.</summary>
    /// <exception cref="RunStorageException">The file cannot be read.</exception>
    public static ReceiptEntry? Read(IRunFiles files, string path)
    {
        if (!CheckedLine.TryDecodeFile(files.ReadWhole(path), out ReadOnlySpan<byte> line))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(line, JournalJson.Default.JournalEntry)?.Receipt is { } entry && entry.Hashes.All(ContentFolder.IsHash) ? entry : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
