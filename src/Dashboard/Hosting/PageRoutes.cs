using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Pages;
using FedLLM.Dashboard.Summaries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace FedLLM.Dashboard.Hosting;

/// <summary>The pages, the fragments that replace a chart in them, and the forms that pages send.</summary>
internal static class PageRoutes
{
    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        RouteGroupBuilder pages = app.MapGroup(string.Empty).ExcludeFromDescription();
        pages.MapGet("/", (string? q, string? state, string? sort) => Page<RunsPage>(new { Query = q, StateFilter = state, Sort = sort }));
        pages.MapGet("/runs/{id}", (IRunFeed feed, string id, [AsParameters] ChartQuery query) =>
            feed.Find(id) is { } run ? Page<RunPage>(new { Run = run, query.Axis, query.Smoothing }) : NoRun(id));
        pages.MapGet("/runs/{id}/rounds", (IRunFeed feed, string id, int? page) =>
            feed.Find(id) is { } run ? Page<RoundsPage>(new { Run = run, Page = PageOf(page) }) : NoRun(id));
        pages.MapGet("/runs/{id}/rounds/{round:int}", (IRunFeed feed, string id, int round) => feed.Find(id) is not { } run ? NoRun(id)
            : run.RoundOf(round) is { } row ? Page<RoundPage>(new { Run = run, Row = row })
            : Missing($"{run.Name} has no round {round} yet."));
        pages.MapGet("/runs/{id}/clients", (IRunFeed feed, string id, string? q, string? sort, int? page) =>
            feed.Find(id) is { } run ? Page<ClientsPage>(new { Run = run, Query = q, Sort = sort ?? "id", Page = PageOf(page) }) : NoRun(id));
        pages.MapGet("/runs/{id}/clients/{client:int}", (IRunFeed feed, string id, int client) => feed.Find(id) is not { } run ? NoRun(id)
            : ClientSummary.Of(run).FirstOrDefault(c => c.Card.Id == client) is { } found ? Page<ClientPage>(new { Run = run, Client = found })
            : Missing($"{run.Name} has no client {client}."));
        pages.MapGet("/compare", (IRunFeed feed, string[]? run, [AsParameters] ChartQuery query) =>
            Page<ComparePage>(new { Runs = Picked(feed, run), query.Axis, query.Smoothing }));
        pages.MapGet("/runs/{id}/samples", (IRunFeed feed, string id) => feed.Find(id) is not { } run ? NoRun(id)
            : feed.SamplerOf(id) is null ? Missing("This host does not answer prompts with this run's models.")
            : Page<SamplesPage>(new { Run = run }));
        pages.MapGet("/cluster", (IRunFeed feed) => feed.Cluster() is { } cluster ? Page<ClusterPage>(new { Cluster = cluster }) : Missing("These runs are not on a cluster."));
        pages.MapGet("/api", (HttpContext context, EndpointDataSource routes) =>
            Page<ApiPage>(new { Root = $"{context.Request.Scheme}://{context.Request.Host}", Routes = ApiRoutes.Described(routes) }));
        MapFragments(pages);
        MapForms(pages);
        app.MapFallback(() => Missing("There is nothing at this address.")).ExcludeFromDescription();
    }

    /// <summary>The runs named in an address, each once, at most as many as there are colors.</summary>
    public static IReadOnlyList<RunView> Picked(IRunFeed feed, string[]? ids) =>
        [.. (ids ?? []).Distinct(StringComparer.Ordinal).Select(feed.Find).OfType<RunView>().Take(ComparisonCharts.MaxRuns)];

    private static void MapFragments(RouteGroupBuilder pages)
    {
        pages.MapGet("/runs/{id}/charts/{chart}", (IRunFeed feed, string id, string chart, [AsParameters] ChartQuery query) => feed.Find(id) is { } run
            ? Fragment(RunCharts.Find(run, chart, query.Axis), query, $"/runs/{id}/charts/{chart}?{query.Address}", $"/api/runs/{id}/charts/{chart}", "?" + query.Address)
            : NoRun(id));
        pages.MapGet("/compare/charts/{chart}", (IRunFeed feed, string[]? run, string chart, [AsParameters] ChartQuery query) =>
        {
            IReadOnlyList<RunView> runs = Picked(feed, run);
            string address = $"{string.Concat(runs.Select(r => $"run={r.Id}&"))}{query.Address}";
            return Fragment(ComparisonCharts.Find(runs, chart, query.Axis), query, $"/compare/charts/{chart}?{address}", $"/api/compare/{chart}", "?" + address);
        });
        pages.MapGet("/runs/{id}/clients/{client:int}/loss", (IRunFeed feed, string id, int client, [AsParameters] ChartQuery query) => feed.Find(id) is { } run
            && ClientSummary.Of(run).FirstOrDefault(c => c.Card.Id == client) is { } found
            ? Fragment(ClientCharts.Loss(run, found), query, $"/runs/{id}/clients/{client}/loss", $"/api/runs/{id}/clients/{client}/loss", string.Empty)
            : NoRun(id));
        pages.MapGet("/runs/{id}/clients/{client:int}/held/{measure}", (IRunFeed feed, string id, int client, string measure, [AsParameters] ChartQuery query) => feed.Find(id) is { } run
            && ClientSummary.Of(run).FirstOrDefault(c => c.Card.Id == client) is { } found
            ? Fragment(ClientCharts.Held(found, measure), query, $"/runs/{id}/clients/{client}/held/{measure}", $"/api/runs/{id}/clients/{client}/held/{measure}", string.Empty)
            : NoRun(id));
    }

    private static void MapForms(RouteGroupBuilder pages)
    {
        foreach (string what in (string[])["pause", "resume", "cancel"])
        {
            pages.MapPost($"/runs/{{id}}/{what}", async (IRunFeed feed, string id, CancellationToken cancellationToken) =>
            {
                try
                {
                    return await RunActions.ControlAsync(feed, id, what, cancellationToken).ConfigureAwait(false)
                        ? Results.Redirect($"/runs/{Uri.EscapeDataString(id)}")
                        : Missing("This host does not control that run.");
                }
                catch (RunRefusedException refusal)
                {
                    return Page<MissingPage>(new { What = refusal.Message }, StatusCodes.Status409Conflict);
                }
                catch (HostUnavailableException silence)
                {
                    return Page<MissingPage>(new { What = silence.Message }, StatusCodes.Status503ServiceUnavailable);
                }
            });
        }

        pages.MapPost("/runs/{id}/samples", AnswerAsync).DisableAntiforgery();
        pages.MapGet("/enter", (AccessGate gate, HttpRequest request) => gate.Admits(request) ? Results.Redirect("/") : Page<EntryPage>(new { gate.HasToken }));
        pages.MapPost("/enter", async (AccessGate gate, HttpContext context) =>
        {
            IFormCollection form = await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
            if (!gate.IsToken(form["token"].ToString()))
            {
                return Page<EntryPage>(new { gate.HasToken, Wrong = true }, StatusCodes.Status401Unauthorized);
            }

            gate.Admit(context.Response);
            return Results.Redirect("/");
        });
    }

    private static async Task<IResult> AnswerAsync(IRunFeed feed, string id, HttpContext context)
    {
        if (feed.Find(id) is not { } run)
        {
            return NoRun(id);
        }

        IFormCollection form = await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
        int[] rounds = [.. form["round"].Select(r => int.TryParse(r, out int round) ? round : -1).Where(r => r >= 0)];
        var question = new SampleQuestion(
            form["prompt"].ToString(), int.TryParse(form["tokens"], out int tokens) ? tokens : SampleLimits.UsualNewTokens, rounds);
        SampleAnswer answer = await Samples.AnswerAsync(feed, run, question, context.RequestAborted).ConfigureAwait(false);
        return Page<SamplesPage>(new
        {
            Run = run,
            question.Prompt,
            Tokens = question.MaxNewTokens,
            Rounds = (IReadOnlyList<int>)rounds,
            Answers = (IReadOnlyList<(string, string)>)[.. answer.Answers.Select(a => (a.Title, a.Text))],
            answer.Problem,
            answer.Notes,
        });
    }

    private static IResult Fragment(ChartData? chart, ChartQuery query, string source, string values, string parameters) => chart is null
        ? Results.NotFound()
        : Page<Chart>(new { Data = Smoothing.Apply(chart, query.Smoothing), State = query.State, Source = source, Values = values + parameters, Csv = $"{values}.csv{parameters}" });

    private static int PageOf(int? page) => Math.Clamp(page ?? 1, 1, 1_000_000);

    private static IResult NoRun(string id) => Missing($"There is no run '{id}' here.");

    private static IResult Missing(string what) => Page<MissingPage>(new { What = what }, StatusCodes.Status404NotFound);

    private static RazorComponentResult<T> Page<T>(object parameters, int status = StatusCodes.Status200OK)
        where T : IComponent => new(parameters) { StatusCode = status, PreventStreamingRendering = true };
}

/// <summary>What an address says of a chart.</summary>
/// <param name="X">What lies along X.</param>
/// <param name="From">Where it begins.</param>
/// <param name="To">Where it ends.</param>
/// <param name="Hide">Keys of lines left out, separated by commas.</param>
/// <param name="Smooth">How much lines that jump are smoothed, 0 to 0.99.</param>
internal sealed record ChartQuery(
    [FromQuery(Name = "x")] string? X, [FromQuery(Name = "from")] string? From, [FromQuery(Name = "to")] string? To, [FromQuery(Name = "hide")] string? Hide,
    [FromQuery(Name = "smooth")] string? Smooth)
{
    public double Smoothing => Charts.Smoothing.Of(Smooth);

    /// <summary>Axis and smoothing as an address has them.</summary>
    public string Address => $"x={Axis.Key}{Charts.Smoothing.Part(Smoothing)}";

    public ChartAxis Axis => ChartAxis.Of(X);

    public ChartState State => ChartState.Of(From, To, Hide);
}
