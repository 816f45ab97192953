using System.Net;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Dashboard.Hosting;

/// <summary>What every request must pass before anything answers it.</summary>
/// <param name="gate">Who may enter.</param>
/// <param name="hosts">Names in Host headers that are this dashboard, besides localhost and addresses.</param>
/// <param name="loopback">Whether only this machine can reach the port.</param>
public sealed class RequestChecks(AccessGate gate, IReadOnlyList<string> hosts, bool loopback)
{
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private const string GuestPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Answers what may not pass, and hands on what may.</summary>
    public async Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        HttpRequest request = context.Request;
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = request.Path.StartsWithSegments(DashboardApplication.GrainsPath) ? GuestPolicy : Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        if (!IsOurs(request.Host.Host))
        {
            await RefuseAsync(context, StatusCodes.Status421MisdirectedRequest, "This dashboard does not answer to that host name.").ConfigureAwait(false);
        }
        else if (!IsReading(request.Method) && IsCrossSite(request))
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "Requests that change something must come from the dashboard's own pages.").ConfigureAwait(false);
        }
        else if (request.Query["link"].ToString() is { Length: > 0 } link && !gate.IsOpen && gate.TakeLink(link))
        {
            gate.Admit(context.Response);
            context.Response.Redirect("/");
        }
        else if (!gate.Admits(request) && !IsOpen(request.Path))
        {
            if (IsReading(request.Method) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal))
            {
                context.Response.Redirect("/enter");
                return;
            }

            headers.WWWAuthenticate = "Bearer";
            await RefuseAsync(context, StatusCodes.Status401Unauthorized, "Send the dashboard's token: Authorization: Bearer TOKEN.").ConfigureAwait(false);
        }
        else
        {
            await next(context).ConfigureAwait(false);
        }
    }

    // A page of another site can send a browser here under a name that it controls, and could then read what is answered (DNS rebinding). It cannot
    // make the browser send an address or localhost in the Host header.
    private bool IsOurs(string host)
    {
        string name = host.Trim('[', ']');
        return name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(name, out IPAddress? address) && (!loopback || IPAddress.IsLoopback(address)))
            || hosts.Contains(name, StringComparer.OrdinalIgnoreCase);
    }

    private static bool IsOpen(PathString path) => path.StartsWithSegments("/assets") || path.StartsWithSegments(DashboardApplication.HealthPath) || path == "/enter";

    private static bool IsReading(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    // Browsers say where a request comes from; scripts that say nothing carry no browser's cookie either.
    private static bool IsCrossSite(HttpRequest request)
    {
        string site = request.Headers["Sec-Fetch-Site"].ToString();
        string origin = request.Headers.Origin.ToString();
        return site.Length > 0
            ? site is not ("same-origin" or "none")
            : origin.Length > 0 && !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);
    }

    private static Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(why + "\n", context.RequestAborted);
    }
}
