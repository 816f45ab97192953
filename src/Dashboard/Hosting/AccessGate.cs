using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Dashboard.Hosting;

/// <summary>
/// Who may enter. Without a token and on loopback everybody who reaches the port; else whoever shows the token, or has opened the one-time link.
/// A browser that was let in is known by a cookie.
/// </summary>
public sealed class AccessGate
{
    private const string Cookie = "fedllm_dashboard";
    private const string Bearer = "Bearer ";

    private readonly byte[]? _token; // SHA-256 of the token
    private readonly string? _session;
    private string? _link;

    /// <summary>Makes the gate.</summary>
    /// <param name="token">The token, or null where none was chosen.</param>
    /// <param name="loopback">Whether only this machine can reach the port.</param>
    public AccessGate(string? token, bool loopback)
    {
        IsOpen = token is null && loopback;
        if (IsOpen)
        {
            return;
        }

        _token = token is null ? null : Hash(token);

        // A chosen token outlives this process, and so do the browsers it let in.
        _session = token is null ? RandomText() : Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), "fedllm dashboard session"u8));
        _link = token is null ? RandomText() : null;
    }

    /// <summary>Whether everybody may enter.</summary>
    public bool IsOpen { get; }

    /// <summary>Whether there is a token to be asked for.</summary>
    public bool HasToken => _token is not null;

    /// <summary>What the one-time link holds, or null where there is none, or none any more.</summary>
    public string? Link => Volatile.Read(ref _link);

    /// <summary>The header by which this process itself enters.</summary>
    internal string OwnCookie => $"{Cookie}={_session}";

    /// <summary>Whether a request comes from somebody who was let in.</summary>
    public bool Admits(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return IsOpen
            || (request.Cookies.TryGetValue(Cookie, out string? session) && AreEqual(session, _session!))
            || (request.Headers.Authorization.ToString() is { } header && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) && IsToken(header[Bearer.Length..].Trim()));
    }

    /// <summary>Whether a text is the token.</summary>
    public bool IsToken(string text) => _token is not null && CryptographicOperations.FixedTimeEquals(Hash(text), _token);

    /// <summary>Takes the one-time link: true the first time it is shown, and never again.</summary>
    public bool TakeLink(string shown) => Link is { } link && AreEqual(shown, link) && Interlocked.CompareExchange(ref _link, null, link) == link;

    /// <summary>Lets the browser in from now on.</summary>
    public void Admit(HttpResponse response)
    {
        ArgumentNullException.ThrowIfNull(response);
        if (!IsOpen)
        {
            response.Cookies.Append(Cookie, _session!, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true });
        }
    }

    private static bool AreEqual(string? one, string other) => one is not null && CryptographicOperations.FixedTimeEquals(Hash(one), Hash(other));

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static string RandomText() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
}
