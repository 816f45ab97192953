using System.Collections.Concurrent;
using FedLLM.TestSupport;
using Microsoft.Playwright;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>Debian's Chromium, driven by Playwright; absent where it is not installed.</summary>
[CollectionDefinition(Tests)]
public sealed class Chromium : IAsyncLifetime, ICollectionFixture<Chromium>
{
    /// <summary>The tests that share it.</summary>
    public const string Tests = "browser";

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

    /// <summary>Opens an empty page that reports what goes wrong: errors of scripts, and requests to anywhere but this machine.</summary>
    public async Task<IPage> OpenAsync(ConcurrentQueue<string> troubles)
    {
        IPage page = await Browser.NewPageAsync();
        page.PageError += (_, error) => troubles.Enqueue(error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith("http://127.0.0.1:", StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                troubles.Enqueue(request.Url);
            }
        };
        return page;
    }

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
