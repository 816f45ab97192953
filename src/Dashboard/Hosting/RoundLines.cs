using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Dashboard.Hosting;

/// <summary>Sends the lines of a <c>rounds.jsonl</c> unchanged, so that whoever follows a run has every record whole.</summary>
internal static class RoundLines
{
    /// <summary>The media type of lines of JSON.</summary>
    public const string ContentType = "application/jsonl";

    private const int MaxLineBytes = 64 << 20;

    /// <summary>Sends the whole lines whose round is at least <paramref name="from"/>; 404 without a file. A line that is not ended yet waits.</summary>
    public static async Task SendAsync(Stream? file, int from, HttpContext context)
    {
        if (file is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = ContentType;
        PipeReader reader = PipeReader.Create(file);
        try
        {
            bool begun = from <= 0;
            while (true)
            {
                ReadResult read = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
                ReadOnlySequence<byte> rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    ReadOnlySequence<byte> line = rest.Slice(0, rest.GetPosition(1, end));
                    begun = begun || RoundOf(line) >= from;
                    if (begun)
                    {
                        foreach (ReadOnlyMemory<byte> part in line)
                        {
                            await context.Response.BodyWriter.WriteAsync(part, context.RequestAborted).ConfigureAwait(false);
                        }
                    }

                    rest = rest.Slice(line.End);
                }

                reader.AdvanceTo(rest.Start, rest.End);
                if (read.IsCompleted || rest.Length > MaxLineBytes)
                {
                    return;
                }
            }
        }
        finally
        {
            await reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    // The first number called "round"; a line without one belongs to whatever stands before it.
    private static int RoundOf(ReadOnlySequence<byte> line)
    {
        try
        {
            var json = new Utf8JsonReader(line);
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1 && json.ValueTextEquals("round"u8))
                {
                    return json.Read() && json.TryGetInt32(out int round) ? round : -1;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // What is no record is shown as a problem of the run elsewhere.
        }

        return -1;
    }
}
