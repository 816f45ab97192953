using System.ComponentModel;
using System.Text;
using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace FedLLM.Dashboard.Hosting;

/// <summary>The JSON API: the same data as on the pages.</summary>
internal static class ApiRoutes
{
    private const int MostRounds = 1000;
    private const int MostClients = 1000;
    private const int UsualColumns = 240;
    private const int MostColumns = 20_000;
    private const string Csv = "text/csv";

    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        RouteGroupBuilder api = app.MapGroup("/api");
        MapRuns(api);
        MapCharts(api);
        MapClients(api);
        MapFiles(api);
        MapActions(api);
        api.MapGet("/cluster", Results<Ok<ClusterView>, NotFound> (IRunFeed feed) => feed.Cluster() is { } cluster ? TypedResults.Ok(cluster) : TypedResults.NotFound())
            .WithSummary("The cluster: silos, devices with what they train and what waits, activations; 404 where the runs are not on one.");
    }

    /// <summary>The API's routes with what they answer, in the order of their addresses.</summary>
    public static IReadOnlyList<(string Method, string Path, string Summary)> Described(EndpointDataSource routes) =>
    [
        .. from RouteEndpoint endpoint in routes.Endpoints.OfType<RouteEndpoint>()
           let summary = endpoint.Metadata.GetMetadata<IEndpointSummaryMetadata>()?.Summary
           let methods = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()
           where summary is not null && methods is not null
           orderby endpoint.RoutePattern.RawText, methods.HttpMethods[0]
           select (methods.HttpMethods[0], endpoint.RoutePattern.RawText!.Replace(":int", string.Empty, StringComparison.Ordinal), summary),
    ];

    private static void MapRuns(RouteGroupBuilder api)
    {
        api.MapGet("/runs", (IRunFeed feed) => TypedResults.Ok<IReadOnlyList<RunSummary>>([.. feed.Runs().Select(RunSummary.Of)]))
            .WithSummary("All runs, each summed up.");
        api.MapGet("/runs/{run}", Results<Ok<RunSummary>, NotFound> (IRunFeed feed, string run) =>
            feed.Find(run) is { } found ? TypedResults.Ok(RunSummary.Of(found)) : TypedResults.NotFound())
            .WithSummary("One run, summed up.");
        api.MapGet("/runs/{run}/rounds", Results<Ok<Part<RoundRow>>, NotFound> (
            IRunFeed feed, string run, [Description("First round; 0 unless given.")] int? from, [Description("Last round; the newest unless given.")] int? to) =>
            feed.Find(run) is { } found
                ? TypedResults.Ok(new Part<RoundRow>(
                    found.Rounds.Count, [.. found.Rounds.Where(r => r.Round >= (from ?? 0) && r.Round <= (to ?? int.MaxValue)).Take(MostRounds)]))
                : TypedResults.NotFound())
            .WithSummary("Rounds with their clients, as in rounds.jsonl; at most 1,000 at a time.");
        api.MapGet("/runs/{run}/rounds.jsonl", (IRunFeed feed, string run, int? from, HttpContext context) => RoundLines.SendAsync(feed.OpenRounds(run), from ?? 0, context))
            .WithSummary("The lines of rounds.jsonl as they are stored, from a round on.").Produces<string>(StatusCodes.Status200OK, RoundLines.ContentType);
        api.MapGet("/runs/{run}/rounds/{round:int}", Results<Ok<RoundRow>, NotFound> (IRunFeed feed, string run, int round) =>
            feed.Find(run)?.RoundOf(round) is { } row ? TypedResults.Ok(row) : TypedResults.NotFound())
            .WithSummary("One round.");
        api.MapGet("/runs/{run}/events", Results<Ok<IReadOnlyList<RunEvent>>, NotFound> (IRunFeed feed, string run) =>
            feed.Find(run) is { } found ? TypedResults.Ok(found.Events) : TypedResults.NotFound())
            .WithSummary("What happened besides the rounds' results: resumptions, exclusions, abandoned rounds.");
    }

    private static void MapCharts(RouteGroupBuilder api)
    {
        api.MapGet("/runs/{run}/charts", Results<Ok<IReadOnlyList<string>>, NotFound> (IRunFeed feed, string run) =>
            feed.Find(run) is { } found ? TypedResults.Ok<IReadOnlyList<string>>([.. RunCharts.Of(found, ChartAxis.Round).Select(c => c.Name)]) : TypedResults.NotFound())
            .WithSummary("Names of a run's charts.");
        api.MapGet("/runs/{run}/charts/{chart}", (IRunFeed feed, string run, string chart, [AsParameters] ChartQuery query, int? columns) =>
            Values(feed.Find(run) is { } found ? RunCharts.Find(found, chart, query.Axis) : null, query, columns))
            .WithSummary("A chart's values by round, tokens, bytes, time or simulated (x), smoothed by a weight up to 0.99 (smooth), thinned to columns with every extreme kept.");
        api.MapGet("/runs/{run}/charts/{chart}.csv", (IRunFeed feed, string run, string chart, string? x) =>
            CsvOf(feed.Find(run) is { } found ? RunCharts.Find(found, chart, ChartAxis.Of(x)) : null, $"{run}-{chart}"))
            .WithSummary("All of a chart's values as CSV.").Produces<string>(StatusCodes.Status200OK, Csv);
        api.MapGet("/compare/{chart}", (IRunFeed feed, string chart, string[]? run, [AsParameters] ChartQuery query, int? columns) =>
            Values(ComparisonCharts.Find(PageRoutes.Picked(feed, run), chart, query.Axis), query, columns))
            .WithSummary("A chart of several runs (run=A&run=B): train_loss, eval-SUITE, reward_margin.");
        api.MapGet("/compare/{chart}.csv", (IRunFeed feed, string chart, string[]? run, string? x) =>
            CsvOf(ComparisonCharts.Find(PageRoutes.Picked(feed, run), chart, ChartAxis.Of(x)), chart))
            .WithSummary("All values of a chart of several runs as CSV.").Produces<string>(StatusCodes.Status200OK, Csv);
    }

    private static void MapClients(RouteGroupBuilder api)
    {
        api.MapGet("/runs/{run}/clients", Results<Ok<Part<ClientEntry>>, NotFound> (IRunFeed feed, string run, int? skip, int? take) =>
        {
            if (feed.Find(run) is not { } found)
            {
                return TypedResults.NotFound();
            }

            IReadOnlyList<ClientSummary> all = ClientSummary.Of(found);
            return TypedResults.Ok(new Part<ClientEntry>(
                all.Count,
                [.. all.Skip(Math.Max(0, skip ?? 0)).Take(Math.Clamp(take ?? 100, 1, MostClients)).Select(c => new ClientEntry(c.Card, c.Sampled, c.Excluded, c.LastLoss))]));
        }).WithSummary("Clients: counts of their shards, how often sampled; at most 1,000 at a time.");
        api.MapGet("/runs/{run}/clients/{client:int}", Results<Ok<ClientDetail>, NotFound> (IRunFeed feed, string run, int client) =>
            ClientOf(feed, run, client) is { } found ? TypedResults.Ok(new ClientDetail(found.Card, found.Sampled, found.Rounds, found.Measured)) : TypedResults.NotFound())
            .WithSummary("One client with its rounds.");
        api.MapGet("/runs/{run}/clients/{client:int}/loss", (IRunFeed feed, string run, int client, [AsParameters] ChartQuery query, int? columns) =>
            Values(ClientOf(feed, run, client) is { } found ? ClientCharts.Loss(feed.Find(run)!, found) : null, query, columns))
            .WithSummary("A client's loss over its rounds.");
        api.MapGet("/runs/{run}/clients/{client:int}/loss.csv", (IRunFeed feed, string run, int client) =>
            CsvOf(ClientOf(feed, run, client) is { } found ? ClientCharts.Loss(feed.Find(run)!, found) : null, $"{run}-client-{client}"))
            .WithSummary("A client's loss over its rounds as CSV.").Produces<string>(StatusCodes.Status200OK, Csv);
        api.MapGet("/runs/{run}/clients/{client:int}/held/{measure}", (IRunFeed feed, string run, int client, string measure, [AsParameters] ChartQuery query, int? columns) =>
            Values(ClientOf(feed, run, client) is { } found ? ClientCharts.Held(found, measure) : null, query, columns))
            .WithSummary("A measure on a client's own held-out data by round, with the global adapter and with its own.");
        api.MapGet("/runs/{run}/clients/{client:int}/held/{measure}.csv", (IRunFeed feed, string run, int client, string measure) =>
            CsvOf(ClientOf(feed, run, client) is { } found ? ClientCharts.Held(found, measure) : null, $"{run}-client-{client}-{measure}"))
            .WithSummary("The same as CSV.").Produces<string>(StatusCodes.Status200OK, Csv);
        api.MapGet("/runs/{run}/held.csv", Results<FileContentHttpResult, NotFound> (IRunFeed feed, string run) => feed.Find(run) is { } found
            ? TypedResults.File(Encoding.UTF8.GetBytes(HeldCsv.Write(found)), Csv, $"{run}-held.csv")
            : TypedResults.NotFound())
            .WithSummary("All clients' measures on their own held-out data as CSV, a row for each round and client.").Produces<string>(StatusCodes.Status200OK, Csv);
    }

    private static void MapFiles(RouteGroupBuilder api)
    {
        api.MapGet("/runs/{run}/experiment", Results<ContentHttpResult, NotFound> (IRunFeed feed, string run) =>
            feed.Find(run)?.ExperimentText is { } text ? TypedResults.Text(text, "application/yaml", Encoding.UTF8) : TypedResults.NotFound())
            .WithSummary("The resolved experiment file.").Produces<string>(StatusCodes.Status200OK, "application/yaml");
        api.MapGet("/runs/{run}/rounds.csv", Results<FileContentHttpResult, NotFound> (IRunFeed feed, string run) => feed.Find(run) is { } found
            ? TypedResults.File(Encoding.UTF8.GetBytes(RoundsCsv.Write(found)), Csv, $"{run}-rounds.csv")
            : TypedResults.NotFound())
            .WithSummary("All rounds as CSV.").Produces<string>(StatusCodes.Status200OK, Csv);
        api.MapGet("/runs/{run}/adapter", (IRunFeed feed, string run, HttpContext context) => AdapterDownload.SendAsync(feed.OpenAdapter(run, null), $"{run}-adapter", context))
            .WithSummary("The newest global adapter as a zip of PEFT's two files.").Produces(StatusCodes.Status200OK, contentType: "application/zip");
        api.MapGet("/runs/{run}/rounds/{round:int}/adapter", (IRunFeed feed, string run, int round, HttpContext context) => AdapterDownload.SendAsync(
            feed.Find(run)?.RoundOf(round)?.Adapter is { } hash ? feed.OpenAdapter(run, hash) : null, $"{run}-round-{round}-adapter", context))
            .WithSummary("A round's global adapter as a zip, while a checkpoint holds it.").Produces(StatusCodes.Status200OK, contentType: "application/zip");
    }

    private static void MapActions(RouteGroupBuilder api)
    {
        RunActions.Map(api);
        api.MapPost("/runs/{run}/samples", async Task<Results<Ok<SampleAnswer>, NotFound, JsonHttpResult<SampleAnswer>>> (
            IRunFeed feed, string run, SampleQuestion question, CancellationToken cancellationToken) =>
        {
            if (feed.Find(run) is not { } found)
            {
                return TypedResults.NotFound();
            }

            SampleAnswer answer = await Samples.AnswerAsync(feed, found, question, cancellationToken).ConfigureAwait(false);
            return answer.Problem is null ? TypedResults.Ok(answer)
                : TypedResults.Json(answer, statusCode: answer.IsBusy ? StatusCodes.Status429TooManyRequests : StatusCodes.Status400BadRequest);
        }).WithSummary("Answers a prompt with the base model, the newest adapter and chosen rounds' adapters.").Produces<SampleAnswer>(StatusCodes.Status400BadRequest)
          .Produces<SampleAnswer>(StatusCodes.Status429TooManyRequests);
    }

    private static ClientSummary? ClientOf(IRunFeed feed, string run, int client) =>
        feed.Find(run) is { } found ? ClientSummary.Of(found).FirstOrDefault(c => c.Card.Id == client) : null;

    private static Results<Ok<ChartValues>, NotFound> Values(ChartData? chart, ChartQuery query, int? columns) => chart is null
        ? TypedResults.NotFound()
        : TypedResults.Ok(ChartValues.Of(Smoothing.Apply(chart, query.Smoothing), query.State, Math.Clamp(columns ?? UsualColumns, 1, MostColumns)));

    private static Results<FileContentHttpResult, NotFound> CsvOf(ChartData? chart, string name) => chart is null
        ? TypedResults.NotFound()
        : TypedResults.File(Encoding.UTF8.GetBytes(ChartCsv.Write(chart)), Csv, name + ".csv");
}
