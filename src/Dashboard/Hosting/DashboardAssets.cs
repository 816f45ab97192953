using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace FedLLM.Dashboard.Hosting;

/// <summary>The style sheet, the script and the icon, as they travel in this assembly. Their addresses hold their hash, so they are cached for good.</summary>
public sealed class DashboardAssets
{
    private static readonly (string Name, string Type)[] Files =
        [("dashboard.css", "text/css; charset=utf-8"), ("dashboard.js", "text/javascript; charset=utf-8"), ("icon.svg", "image/svg+xml")];

    private readonly Dictionary<string, (byte[] Content, string Type, string Hash)> _assets = new(StringComparer.Ordinal);

    /// <summary>Reads the assets.</summary>
    public DashboardAssets()
    {
        foreach ((string name, string type) in Files)
        {
            using Stream stream = typeof(DashboardAssets).Assembly.GetManifestResourceStream(name)!;
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            _assets[name] = (content, type, Convert.ToHexStringLower(SHA256.HashData(content))[..12]);
        }
    }

    /// <summary>The address of an asset.</summary>
    public string Address(string name) => $"/assets/{_assets[name].Hash}/{name}";

    /// <summary>Serves the assets.</summary>
    public void Map(IEndpointRouteBuilder routes) => routes.MapGet("/assets/{hash}/{name}", (string hash, string name, HttpContext context) =>
    {
        if (!_assets.TryGetValue(name, out (byte[] Content, string Type, string Hash) asset))
        {
            return Results.NotFound();
        }

        context.Response.Headers.CacheControl = hash == asset.Hash ? "public, max-age=31536000, immutable" : "no-cache";
        return Results.Bytes(asset.Content, asset.Type);
    }).ExcludeFromDescription();
}
