using System.Text.Json;
using System.Text.Json.Serialization;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>A line of <c>journal.jsonl</c>: exactly one of its parts is there.</summary>
internal sealed record JournalEntry
{
    /// <summary>The first line: which experiment this is.</summary>
    public RunEntry? Run { get; init; }

    /// <summary>The run was opened again, with these harmless keys changed.</summary>
    public ResumeEntry? Resume { get; init; }

    /// <summary>A client's update is stored.</summary>
    public ReceiptEntry? Receipt { get; init; }

    /// <summary>Membership of a round is closed.</summary>
    public MembershipEntry? Membership { get; init; }

    /// <summary>A round ended; it is committed once a checkpoint of it or of a later round is whole.</summary>
    public RoundRecord? Round { get; init; }

    /// <summary>A checkpoint was written.</summary>
    public CheckpointEntry? Checkpoint { get; init; }
}

internal sealed record RunEntry(string Identity, string Model, string Data, string Numerics, string? Reference = null);

internal sealed record ResumeEntry(int Round, IReadOnlyList<string> Changed);

/// <summary>A client's receipt. <see cref="InstructionFingerprint"/> says what it was told; within a membership, which has its own, that is empty.</summary>
internal sealed record ReceiptEntry(
    int Round, string Instruction, int Client, string Update, double Weight, IReadOnlyList<float> MaxAbsolute, double Loss, long Tokens, double Seconds,
    ClientRewards? Rewards = null, StoredTensors? ControlDelta = null, IReadOnlyDictionary<string, string>? PrivateStates = null)
{
    /// <summary>Every stored file that the receipt names.</summary>
    [JsonIgnore]
    public IEnumerable<string> Hashes => [.. Leaving, .. PrivateStates?.Values ?? []];

    /// <summary>The stored files that left the client.</summary>
    [JsonIgnore]
    public IEnumerable<string> Leaving => ControlDelta is null ? [Update] : [Update, ControlDelta.Hash];

    public static ReceiptEntry From(int round, string instruction, ClientReceipt receipt) => new(
        round, instruction, receipt.Client, receipt.UpdateHash, receipt.Weight, receipt.MaxAbsolute, receipt.Metrics.Loss, receipt.Metrics.Tokens, receipt.Metrics.Seconds,
        receipt.Metrics.Rewards, receipt.ControlDelta, receipt.PrivateStates.Count == 0 ? null : receipt.PrivateStates);

    public ClientReceipt ToReceipt()
    {
        var receipt = new ClientReceipt(Client, Update, Weight, MaxAbsolute, new ClientMetrics(Loss, Tokens, Seconds) { Rewards = Rewards }) { ControlDelta = ControlDelta };
        return PrivateStates is null ? receipt : receipt with { PrivateStates = PrivateStates };
    }
}

internal sealed record ExclusionEntry(int Client, string Reason);

/// <summary>Who is in a round and who is not. <see cref="InstructionFingerprint"/> says what the cohort was told.</summary>
internal sealed record MembershipEntry(int Round, string Instruction, IReadOnlyList<ReceiptEntry> Members, IReadOnlyList<ExclusionEntry> Excluded)
{
    public IReadOnlyList<ClientOutcome> ToOutcomes() =>
        [.. Members.Select(m => m.ToReceipt()), .. Excluded.Select(e => new ClientExclusion(e.Client, e.Reason))];
}

internal sealed record CheckpointEntry(int Round, string Check);

/// <summary>The commit point of a round: everything the next one depends on, by hash.</summary>
/// <param name="Identity">The experiment's identity.</param>
/// <param name="Round">The last finished round.</param>
/// <param name="Adapter">Hash of the global adapter.</param>
/// <param name="ServerState">Hashes of the server optimizer's tensors by name.</param>
/// <param name="AbandonedInARow">How many rounds up to this one were abandoned one after another.</param>
/// <param name="JournalBytes">Length of the journal this checkpoint stands on.</param>
/// <param name="JournalCheck">Checksum of the journal's line that ends there.</param>
/// <param name="Record">The round's record.</param>
internal sealed record Manifest(
    string Identity,
    int Round,
    string Adapter,
    IReadOnlyDictionary<string, string> ServerState,
    int AbandonedInARow,
    long JournalBytes,
    string JournalCheck,
    RoundRecord Record)
{
    /// <summary>Hash of the base correction; null where the base model is as it was.</summary>
    public string? BaseCorrection { get; init; }

    /// <summary>The pages in which the clients' private states stand, by number, see <see cref="ClientPages"/>; null where no client has any.</summary>
    public IReadOnlyDictionary<int, string>? Clients { get; init; }

    /// <summary>Bytes of payload moved up to the round.</summary>
    public long BytesMoved { get; init; }

    /// <summary>Every stored tensor file the state needs besides the clients' private states.</summary>
    [JsonIgnore]
    public IEnumerable<string> Hashes => BaseCorrection is null ? ServerState.Values.Append(Adapter) : [.. ServerState.Values, Adapter, BaseCorrection];
}

/// <summary>Values as they are, NaN and infinities by name: what is read back is what was written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(JournalEntry))]
[JsonSerializable(typeof(Manifest))]
internal sealed partial class JournalJson : JsonSerializerContext;

/// <summary>A page of clients: per client, the hashes of its private states by name.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SortedDictionary<int, SortedDictionary<string, string>>))]
internal sealed partial class ClientPageJson : JsonSerializerContext;

/// <summary>Writes a number that is not finite as null: JSON has no other word for it. Null reads as NaN.</summary>
internal sealed class FiniteOrNull : JsonConverter<double>
{
    public override bool HandleNull => true;

    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}

/// <summary>The lines of <c>rounds.jsonl</c>, which scripts read: every key in every line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(FiniteOrNull)])]
[JsonSerializable(typeof(RoundRecord))]
internal sealed partial class RoundsJson : JsonSerializerContext;
