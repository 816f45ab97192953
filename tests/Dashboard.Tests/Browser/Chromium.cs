using FedLLM.TestSupport;
using Microsoft.Playwright;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>Debian's Chromium, driven by Playwright; absent where it is not installed.</summary>
public sealed class Chromium : IAsyncLifetime
{
    public const string Executable = "/usr/bin/chromium";

    private readonly string _profile = Directory.CreateTempSubdirectory("fedllm-chromium-").FullName;
    private IPlaywright? _playwright;
    private IBrowserContext? _browser;

    /// <summary>The browser, or the visible skip of the calling test.</summary>
    public IBrowserContext Browser
    {
        get
        {
            Skip.If(_browser is null, $"Chromium is absent ({Executable}; Debian: apt-get install chromium).");
            return _browser!;
        }
    }

    /// <summary>Where pictures of pages go.</summary>
    public static string Pictures { get; } = Directory.CreateDirectory(Path.Combine(SharedData.RepositoryRoot(), "artifacts", "dashboard")).FullName;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Executable))
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchPersistentContextAsync(_profile, new BrowserTypeLaunchPersistentContextOptions
        {
            ExecutablePath = Executable,
            Headless = true,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
            ViewportSize = new ViewportSize { Width = 1280, Height = 800 },
            ReducedMotion = ReducedMotion.Reduce,
        });
        _browser.SetDefaultTimeout(30_000);
        Assertions.SetDefaultExpectTimeout(30_000); // a bound against hangs: most waits are for a round of training on a busy machine
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
        Directory.Delete(_profile, recursive: true);
    }
}
