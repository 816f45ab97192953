using Microsoft.Playwright;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>Pictures of a page in light, dark and at a phone's width, each checked for what readers need.</summary>
internal static class Pictures
{
    private static readonly (string Look, ColorScheme Scheme, int Width)[] Looks = [("light", ColorScheme.Light, 1280), ("dark", ColorScheme.Dark, 1280), ("phone", ColorScheme.Light, 390)];

    /// <summary>Takes them of <paramref name="address"/>, or of the page as it is.</summary>
    public static async Task Take(IPage page, string server, string? address, string name)
    {
        if (address is not null)
        {
            await page.GotoAsync(address);
        }

        foreach ((string look, ColorScheme scheme, int width) in Looks)
        {
            await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = scheme });
            await page.SetViewportSizeAsync(width, 800);
            await PageCheck.Pass(page, $"{name} {look}");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Chromium.Pictures, $"{name}-{look}.png"), FullPage = true });
        }

        await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = ColorScheme.Light });
        await page.SetViewportSizeAsync(1280, 800);
        Assert.StartsWith(server, page.Url, StringComparison.Ordinal);
    }
}
