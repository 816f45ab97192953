using System.Collections.Concurrent;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>Pages in a real browser that need a feed of their own: a cluster, a token, every control by keyboard.</summary>
[Collection(Chromium.Tests)]
public sealed class ReaderTests(Chromium chromium) : IDisposable
{
    private readonly ConcurrentQueue<string> _troubles = [];

    public void Dispose() => Assert.Empty(_troubles);

    [SkippableFact]
    public async Task Cluster_OfATwin_FollowsItsQueuesAndLeadsToItsClients()
    {
        using var files = new RunFiles("run");
        files.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3)).Describe(("north", []), ("south", []));
        var feed = new ClusterTwin(new FakeHost().Feed(files.Root));
        feed.Set(ClusterTwin.Silos(waiting: 6));
        IPage page = await chromium.OpenAsync(_troubles);
        await using Served served = await Served.Start(feed);
        await page.GotoAsync(served.Address);
        await page.GetByRole(AriaRole.Link, new() { Name = "Cluster" }).ClickAsync();
        await Expect(page.Locator("#link-state")).ToHaveTextAsync("live");
        await Pictures.Take(page, served.Address, null, "cluster");
        feed.Set(ClusterTwin.Silos(waiting: 1));
        await Expect(page.Locator("#devices tbody tr").First.Locator("td.number").Last).ToHaveTextAsync("1");
        await page.GetByRole(AriaRole.Link, new() { Name = "run round 3, south" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "south" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "alpha" }).ClickAsync();
        await Expect(page.Locator("#silo-alpha")).ToBeInViewportAsync();
    }

    [SkippableFact]
    public async Task Cluster_Idle_ShowsASiloThatJoinsWithoutReloading()
    {
        using var files = new RunFiles("run");
        files.Append(RunFiles.Beginning(4));
        var host = new FakeHost { Cluster = ClusterTwin.Silos(waiting: 0) };
        IPage page = await chromium.OpenAsync(_troubles);
        await using Served served = await Served.Start(host.Feed(files.Root));
        await page.GotoAsync(served.Address + "/cluster");
        await Expect(page.Locator("#link-state")).ToHaveTextAsync("live");
        await page.EvaluateAsync("window.stays = true");
        host.Cluster = host.Cluster with { Silos = [.. host.Cluster.Silos, new SiloRow { Name = "delta", Address = "10.0.0.4:11111", State = SiloState.Active }] };
        await Expect(page.Locator("#silo-delta")).ToBeVisibleAsync();
        Assert.True(await page.EvaluateAsync<bool>("window.stays"));
    }

    [SkippableFact]
    public async Task Entry_WithToken_LetsTheBrowserIn()
    {
        using var files = new RunFiles("run");
        IPage page = await chromium.OpenAsync(_troubles);
        await using Served served = await Served.Start(new FakeHost().Feed(files.Root), token: "sesame");
        await page.GotoAsync(served.Address + "/runs/run");
        await page.GetByLabel("Token").FillAsync("wrong");
        await page.GetByRole(AriaRole.Button, new() { Name = "Enter" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not the token");
        await Pictures.Take(page, served.Address, null, "entry");
        await page.GetByLabel("Token").FillAsync("sesame");
        await page.GetByRole(AriaRole.Button, new() { Name = "Enter" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "run", Exact = true })).ToBeVisibleAsync();
        await Pictures.Take(page, served.Address, served.Address + "/runs/nobody", "missing");
        await page.Context.ClearCookiesAsync();
    }

    [SkippableFact]
    public async Task Keyboard_Tab_ReachesEveryControlAndShowsWhereItIs()
    {
        using var files = new RunFiles("run");
        files.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3, 3), RunFiles.Line(2, 2)).Describe(("north", [("a", 3)]), ("south", []));
        IPage page = await chromium.OpenAsync(_troubles);
        await using Served served = await Served.Start(new FakeHost { Working = true, Control = new FakeControl(), Sampler = new EchoSampler() }.Feed(files.Root));
        foreach (string path in (string[])["/", "/runs/run", "/runs/run/clients", "/runs/run/samples", "/compare?run=run"])
        {
            await page.GotoAsync(served.Address + path);
            int controls = await page.EvaluateAsync<int>("() => { window.left = new Set([...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility())); return window.left.size; }");
            Assert.True(controls > 5, path);
            for (int i = 0; i < 2 * controls; i++)
            {
                await page.Keyboard.PressAsync("Tab");
                Assert.True(await page.EvaluateAsync<bool>("""
                    () => {
                        const at = document.activeElement;
                        window.left.delete(at);
                        return at === document.body || getComputedStyle(at).outlineStyle !== "none" || at.matches(".skip");
                    }
                    """), $"{path}: the focus is not seen.");
            }

            Assert.Empty(await page.EvaluateAsync<string[]>("() => [...window.left].map(e => e.outerHTML.slice(0, 120))"));
        }
    }
}
