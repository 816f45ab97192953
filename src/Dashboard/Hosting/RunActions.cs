using System.Text;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace FedLLM.Dashboard.Hosting;

/// <summary>What changes runs: beginning, pausing, resuming and cancelling them. A refusal answers 400 or 409 with its reason as text.</summary>
internal static class RunActions
{
    private static readonly (string What, string Summary)[] All =
    [
        ("pause", "Makes a run wait, where this host can. Answers, as the next two, how the run stands afterwards."),
        ("resume", "Lets a run go on that waits."),
        ("cancel", "Ends a run before its last round."),
    ];

    /// <summary>Maps them.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        foreach ((string what, string summary) in All)
        {
            api.MapPost($"/runs/{{run}}/{what}", (IRunFeed feed, string run, CancellationToken cancellationToken) => AnswerAsync(async () =>
                !await ControlAsync(feed, run, what, cancellationToken).ConfigureAwait(false) ? Results.NotFound()
                    : feed.Find(run) is { } now ? Results.Ok(RunSummary.Of(now)) : Results.NoContent()))
                .WithSummary(summary).Produces<RunSummary>().Produces(StatusCodes.Status204NoContent).Produces(StatusCodes.Status404NotFound)
                .Produces<string>(StatusCodes.Status409Conflict, "text/plain").Produces<string>(StatusCodes.Status503ServiceUnavailable, "text/plain");
        }

        api.MapPost("/runs", (IRunFeed feed, HttpRequest request) => AnswerAsync(async () =>
        {
            if (feed.Starter is not { } starter)
            {
                return Results.Text("This host shows runs and begins none.\n", statusCode: StatusCodes.Status404NotFound);
            }

            using var reader = new StreamReader(request.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: false);
            string experiment = await reader.ReadToEndAsync(request.HttpContext.RequestAborted).ConfigureAwait(false);
            string id = await starter.StartAsync(experiment, request.HttpContext.RequestAborted).ConfigureAwait(false);
            return Results.Json(new StartedRun(id), statusCode: StatusCodes.Status202Accepted);
        }))
            .Accepts<string>("application/yaml").WithSummary("Begins the run of the experiment file in the body, or lets it go on, where this host trains.")
            .Produces<StartedRun>(StatusCodes.Status202Accepted).Produces<string>(StatusCodes.Status400BadRequest, "text/plain")
            .Produces<string>(StatusCodes.Status409Conflict, "text/plain").Produces<string>(StatusCodes.Status404NotFound, "text/plain")
            .Produces<string>(StatusCodes.Status503ServiceUnavailable, "text/plain");
    }

    /// <summary>Pauses, resumes or cancels a run; false where this host cannot.</summary>
    /// <exception cref="RunRefusedException">The run cannot, as it stands.</exception>
    public static async Task<bool> ControlAsync(IRunFeed feed, string id, string what, CancellationToken cancellationToken)
    {
        if (feed.ControlOf(id) is not { } control)
        {
            return false;
        }

        await (what switch
        {
            "pause" => control.PauseAsync(cancellationToken),
            "resume" => control.ResumeAsync(cancellationToken),
            _ => control.CancelAsync(cancellationToken),
        }).ConfigureAwait(false);
        return true;
    }

    private static async Task<IResult> AnswerAsync(Func<Task<IResult>> act)
    {
        try
        {
            return await act().ConfigureAwait(false);
        }
        catch (RunRefusedException refusal)
        {
            return Results.Text(refusal.Message + "\n", statusCode: refusal.IsExperiment ? StatusCodes.Status400BadRequest : StatusCodes.Status409Conflict);
        }
        catch (HostUnavailableException silence)
        {
            return Results.Text(silence.Message + "\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        }
        catch (DecoderFallbackException)
        {
            return Results.Text("The experiment is not UTF-8.\n", statusCode: StatusCodes.Status400BadRequest);
        }
    }
}

/// <summary>A run that was begun, or goes on.</summary>
/// <param name="Id">Names it in addresses.</param>
public sealed record StartedRun(string Id);
