using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.Summaries;
using FedLLM.Federation.Rounds;
using RoundLines = FedLLM.Experiments.RunDirectories.RoundLines;

namespace FedLLM.Cli.Clusters;

/// <summary>Speaks to a cluster over the HTTP API of its silos. Any of them answers for all; where one is silent, the next is asked.</summary>
internal sealed class ClusterClient : IDisposable
{
    /// <summary>The environment variable that holds the token of the cluster's API.</summary>
    public const string TokenVariable = "FEDLLM_CLUSTER_TOKEN";

    private const int Attempts = 60;
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly HttpClient _http;
    private readonly Uri[] _silos;
    private int _current;

    /// <summary>Makes the client; nothing is asked yet.</summary>
    /// <param name="addresses">The addresses of one or more silos, separated by commas.</param>
    /// <param name="token">What the API asks for, or null.</param>
    public ClusterClient(string addresses, string? token)
    {
        _silos = [.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(a => new Uri(a.TrimEnd('/') + "/"))];
        _http = new HttpClient { Timeout = TimeSpan.FromSeconds(60) };
        if (!string.IsNullOrEmpty(token))
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>What is wrong with addresses, a sentence without a full stop; null where nothing is.</summary>
    public static string? ProblemOf(string addresses)
    {
        string[] parts = addresses.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return parts.Length == 0 ? "no address is given"
            : parts.FirstOrDefault(p => !Uri.TryCreate(p, UriKind.Absolute, out Uri? uri) || !(uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) || uri.Query.Length > 0) is { } bad
                ? $"'{bad}' is not an address such as http://127.0.0.1:5080"
                : null;
    }

    /// <summary>The address of a run's page.</summary>
    public string AddressOf(string run) => new Uri(_silos[_current], $"runs/{Uri.EscapeDataString(run)}").ToString();

    /// <summary>Begins the run of an experiment, or lets it go on, and returns its id.</summary>
    /// <exception cref="UsageException">The experiment cannot be used there.</exception>
    /// <exception cref="ClusterException">It was refused, or nobody answers.</exception>
    public async Task<string> StartAsync(string experiment, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await SendAsync(
            silo => new HttpRequestMessage(HttpMethod.Post, new Uri(silo, "api/runs")) { Content = new StringContent(experiment, Encoding.UTF8, "application/yaml") },
            cancellationToken).ConfigureAwait(false);
        return answer.StatusCode switch
        {
            HttpStatusCode.Accepted => (await answer.Content.ReadFromJsonAsync<StartedRun>(Json, cancellationToken).ConfigureAwait(false))!.Id,
            HttpStatusCode.BadRequest => throw new UsageException(await ReasonAsync(answer, cancellationToken).ConfigureAwait(false)),
            _ => throw new ClusterException(await ReasonAsync(answer, cancellationToken).ConfigureAwait(false)),
        };
    }

    /// <summary>Returns a run, summed up.</summary>
    /// <exception cref="ClusterException">There is no such run, or nobody answers.</exception>
    public async Task<RunSummary> FindAsync(string run, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await GetAsync(run, string.Empty, cancellationToken).ConfigureAwait(false);
        return (await answer.Content.ReadFromJsonAsync<RunSummary>(Json, cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Returns the records of a run's rounds from <paramref name="from"/> on; none before the first.</summary>
    /// <exception cref="ClusterException">Nobody answers.</exception>
    public async Task<IReadOnlyList<RoundRecord>> RoundsAsync(string run, int from, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await SendAsync(silo => new HttpRequestMessage(HttpMethod.Get, Address(silo, run, $"/rounds.jsonl?from={from}")), cancellationToken).ConfigureAwait(false);
        return answer.StatusCode == HttpStatusCode.NotFound ? []
            : answer.IsSuccessStatusCode ? RoundLines.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false), AddressOf(run))
            : throw new ClusterException(await ReasonAsync(answer, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Pauses, resumes or cancels a run, and returns it as it stands afterwards.</summary>
    /// <param name="run">The run.</param>
    /// <param name="what"><c>pause</c>, <c>resume</c> or <c>cancel</c>.</param>
    /// <param name="cancellationToken">Gives up asking.</param>
    /// <exception cref="ClusterException">There is no such run, it refuses, or nobody answers.</exception>
    public async Task<RunSummary> ActAsync(string run, string what, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await SendAsync(silo => new HttpRequestMessage(HttpMethod.Post, Address(silo, run, "/" + what)), cancellationToken).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode)
        {
            throw new ClusterException(answer.StatusCode == HttpStatusCode.NotFound ? Unknown(run) : await ReasonAsync(answer, cancellationToken).ConfigureAwait(false));
        }

        // The silo that took it says so; another may not know of it yet.
        return answer.StatusCode == HttpStatusCode.NoContent
            ? await FindAsync(run, cancellationToken).ConfigureAwait(false)
            : (await answer.Content.ReadFromJsonAsync<RunSummary>(Json, cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>Opens what lies at an address below a run: <c>/experiment</c>, <c>/adapter</c>.</summary>
    /// <exception cref="ClusterException">There is no such thing yet, or nobody answers.</exception>
    public async Task<HttpResponseMessage> GetAsync(string run, string what, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer = await SendAsync(silo => new HttpRequestMessage(HttpMethod.Get, Address(silo, run, what)), cancellationToken).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            throw new ClusterException(answer.StatusCode == HttpStatusCode.NotFound
                ? what.Length == 0 ? Unknown(run) : $"run '{run}' has nothing at {what} yet"
                : await ReasonAsync(answer, cancellationToken).ConfigureAwait(false));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static Uri Address(Uri silo, string run, string what) => new(silo, $"api/runs/{Uri.EscapeDataString(run)}{what}");

    private string Unknown(string run) => $"{_silos[_current]}: there is no run '{run}'";

    // A silo that is gone, restarts or does not know its cluster yet: another one may answer. Where silos answer and a coordinator does not, it is waited for until
    // another takes its place. What was asked may have been done; every call can be made again.
    private async Task<HttpResponseMessage> SendAsync(Func<Uri, HttpRequestMessage> request, CancellationToken cancellationToken)
    {
        Exception? last = null;
        bool present = true;
        for (int i = 0; i < _silos.Length || (present && i < _silos.Length * Attempts); i++)
        {
            if (i % _silos.Length == 0)
            {
                present = false;
                await Task.Delay(i == 0 ? TimeSpan.Zero : Between, cancellationToken).ConfigureAwait(false);
            }

            using HttpRequestMessage message = request(_silos[_current]);
            try
            {
                HttpResponseMessage answer = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
                if (answer.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout))
                {
                    return answer;
                }

                present = true;
                last = new HttpRequestException($"answered {(int)answer.StatusCode}");
                answer.Dispose();
            }
            catch (HttpRequestException e)
            {
                last = e;
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                last = e;
            }

            _current = (_current + 1) % _silos.Length;
        }

        throw new ClusterException($"{string.Join(", ", _silos.Select(s => s.ToString().TrimEnd('/')))}: no answer ({last!.Message})", last) { IsSilence = true };
    }

    private async Task<string> ReasonAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.StatusCode == HttpStatusCode.Unauthorized)
        {
            return $"{_silos[_current]}: it asks for a token; set {TokenVariable}";
        }

        string text = (await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false)).Trim();
        return text.Length is > 0 and < 4000 ? text : $"{_silos[_current]}: answered {(int)answer.StatusCode}";
    }
}
