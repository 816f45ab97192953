using System.Text;
using FedLLM.Dashboard.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Silo.Api;

/// <summary>Puts a link to this cluster's page on the page of Orleans' own dashboard, which knows of no other.</summary>
internal static class WayBack
{
    private const string End = "</body>";
    private const string Link = "<a href=\"/cluster\" style=\"position:fixed;right:16px;bottom:12px;z-index:2000;padding:6px 12px;border-radius:8px;background:#3451c6;color:#fff!important;text-decoration:none\">FedLLM: runs and cluster</a>";

    /// <summary>Changes the page on its way out; scripts, styles and data pass as they are.</summary>
    public static void Use(WebApplication app) => app.Use(async (context, next) =>
    {
        PathString path = context.Request.Path;
        if (!HttpMethods.IsGet(context.Request.Method) || !path.StartsWithSegments(DashboardApplication.GrainsPath, out PathString rest) || rest.Value is not ("" or "/" or "/index.html"))
        {
            await next(context);
            return;
        }

        context.Request.Headers.AcceptEncoding = default; // a packed page could not be changed
        Stream answer = context.Response.Body;
        using var page = new MemoryStream();
        context.Response.Body = page;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = answer;
        }

        byte[] bytes = page.ToArray();
        if (context.Response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true)
        {
            bytes = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace(End, Link + End, StringComparison.OrdinalIgnoreCase));
            context.Response.ContentLength = bytes.Length;
        }

        await answer.WriteAsync(bytes, context.RequestAborted);
    });
}
