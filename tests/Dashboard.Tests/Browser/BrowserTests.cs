using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using FedLLM.Dashboard.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>The pages in a real browser, served by the real program.</summary>
[Collection(Chromium.Tests)]
public sealed partial class BrowserTests(Chromium chromium) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-browser-").FullName;

    private readonly ConcurrentQueue<string> _troubles = [];

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Assert.Empty(_troubles);
    }

    [SkippableFact]
    public async Task Pages_OfALiveRun_FollowItWithoutReloadAndAreWhole()
    {
        IPage page = await chromium.OpenAsync(_troubles);
        using Fedllm run = await Demo("live", "federation.rounds=2000", "data.evaluation=0.2", "evaluation.personal=all", "evaluation.every=2");
        await page.GotoAsync(run.Address + "/");
        await page.GetByRole(AriaRole.Link, new() { Name = "demo" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "demo", Level = 1 })).ToBeVisibleAsync();
        await Expect(page.Locator("#link-state")).ToHaveTextAsync("live");

        // Rounds arrive by themselves.
        await page.EvaluateAsync("() => { window.same = true; }");
        await Expect(page.Locator("#chart-loss .plot")).ToBeVisibleAsync();
        int seen = await Round(page);
        await Expect(page.Locator("#facts dd").First).Not.ToHaveTextAsync(new Regex($"^{seen}\\b"));
        await Expect(page.Locator("#chart-loss")).ToBeVisibleAsync();
        Assert.True(await page.EvaluateAsync<bool>("() => window.same === true"), "The page was loaded again.");

        // Paused, it waits between two rounds; its pages are pictured while it does; resumed, it goes on.
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await Expect(page.Locator("#run-head .badge")).ToHaveTextAsync("paused");
        await Pictures.Take(page, run.Address, $"{run.Address}/runs/live", "run");
        await Pictures.Take(page, run.Address, $"{run.Address}/", "runs");
        await Pictures.Take(page, run.Address, $"{run.Address}/runs/live/rounds", "rounds");
        await Pictures.Take(page, run.Address, $"{run.Address}/runs/live/rounds/1", "round");
        await Pictures.Take(page, run.Address, $"{run.Address}/runs/live/clients", "clients");
        await Pictures.Take(page, run.Address, $"{run.Address}/runs/live/clients/3", "client");
        await Expect(page.Locator("#chart-held-loss .line")).ToHaveCountAsync(2);
        await Pictures.Take(page, run.Address, $"{run.Address}/api", "api");
        await page.GotoAsync($"{run.Address}/runs/live");
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume" }).ClickAsync();
        await Expect(page.Locator("#run-head .badge")).ToHaveTextAsync("running");

        // Cancelled, it ends as by Ctrl-C.
        page.Dialog += (_, dialog) => dialog.AcceptAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        Assert.Equal(130, await run.End());
    }

    [SkippableFact]
    public async Task Samples_OfALiveRun_AnswerSideBySide()
    {
        IPage page = await chromium.OpenAsync(_troubles);
        using Fedllm run = await Demo("samples", "federation.rounds=2000");
        await page.GotoAsync($"{run.Address}/runs/samples");
        await Expect(page.Locator("#latest tbody tr").Nth(3)).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();

        // The round under way ends first, and takes an older round's checkpoint with it.
        await Expect(page.Locator("#run-head .badge")).ToHaveTextAsync("paused");
        await page.GetByRole(AriaRole.Link, new() { Name = "Samples" }).ClickAsync();
        await page.GetByLabel("Instruction").FillAsync("Make up a short story with a bear and a red boat.");
        await page.GetByLabel("New tokens").FillAsync("16");
        await page.Locator("input[name=round]").First.CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Answer" }).ClickAsync();
        await Expect(page.Locator(".answers article")).ToHaveCountAsync(3);
        await Expect(page.Locator(".answers article").First).ToContainTextAsync("Base model");
        await Pictures.Take(page, run.Address, null, "samples");
    }

    [SkippableFact]
    public async Task Run_OfAThousandRounds_IsThinnedZoomedAndRead()
    {
        using var files = new RunFiles("large", rounds: 1000);
        files.Fill(rounds: 1000, clients: 100, spike: 637);
        IPage page = await chromium.OpenAsync(_troubles);
        using Fedllm server = await Fedllm.Start("dashboard", files.Folder, "--urls", "http://127.0.0.1:0");
        await page.GotoAsync($"{server.Address}/runs/large");
        ILocator loss = page.Locator("#chart-loss");
        await Expect(loss.Locator(".note")).ToContainTextAsync("1,001 points, thinned");
        Assert.True(double.Parse((await loss.GetAttributeAsync("data-high"))!, System.Globalization.CultureInfo.InvariantCulture) > 9, "The spike of round 637 is not drawn.");

        // The cursor reads values, by keyboard too.
        await loss.Locator(".plot").FocusAsync();
        await page.Keyboard.PressAsync("End");
        await Expect(loss.Locator(".readout")).ToContainTextAsync("round 1,000");
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(loss.Locator(".readout")).ToContainTextAsync("round 9");

        // A drag zooms in, to rounds that are not thinned any more; Escape zooms out.
        LocatorBoundingBoxResult box = (await loss.Locator(".plot").BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(box.X + (box.Width * 0.6f), box.Y + 50);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + (box.Width * 0.7f), box.Y + 60);
        await page.Mouse.UpAsync();
        await Expect(loss).ToHaveAttributeAsync("data-from", new Regex(@"^(59|60)\d"));
        await Expect(loss.GetByRole(AriaRole.Button, new() { Name = "Whole range" })).ToBeVisibleAsync();
        await loss.Locator(".plot").FocusAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(loss).ToHaveAttributeAsync("data-left", "0");

        // The legend hides a line, and the picture is fitted to the rest.
        await loss.GetByRole(AriaRole.Button, new() { Name = "Training, mean" }).ClickAsync();
        await Expect(loss.GetByRole(AriaRole.Button, new() { Name = "Training, mean" })).ToHaveAttributeAsync("aria-pressed", "false");
        Assert.True(double.Parse((await loss.GetAttributeAsync("data-high"))!, System.Globalization.CultureInfo.InvariantCulture) < 9);
        await Pictures.Take(page, server.Address, $"{server.Address}/runs/large", "large");
    }

    [SkippableFact]
    public async Task Page_ServerKilledAndRestarted_Reconnects()
    {
        using var files = new RunFiles("restart", rounds: 9);
        files.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3));
        IPage page = await chromium.OpenAsync(_troubles);
        string address = $"http://127.0.0.1:{FreePort()}";
        using (Fedllm first = await Fedllm.Start("dashboard", files.Root, "--urls", address))
        {
            await page.GotoAsync($"{address}/runs/restart");
            await Expect(page.Locator("#link-state")).ToHaveTextAsync("live");
            first.Kill();
        }

        await Expect(page.Locator("#link-state")).ToHaveTextAsync("reconnecting");
        files.Append(RunFiles.Line(2, 2));
        using Fedllm second = await Fedllm.Start("dashboard", files.Root, "--urls", address);
        await Expect(page.Locator("#link-state")).ToHaveTextAsync("live");
        await Expect(page.Locator("#facts dd").First).ToContainTextAsync("2");
        files.Append(RunFiles.Line(3, 1.5));
        await Expect(page.Locator("#facts dd").First).ToContainTextAsync("3");
    }

    [SkippableFact]
    public async Task Compare_PickedRuns_HaveCurvesAndDifferences()
    {
        using var one = new RunFiles("first", rounds: 30);
        using var two = new RunFiles("second", rounds: 30, experiment: "seed: 2");
        one.Fill(30, 4, spike: -1);
        two.Fill(20, 4, spike: -1);
        IPage page = await chromium.OpenAsync(_troubles);
        using Fedllm server = await Fedllm.Start("dashboard", one.Root, two.Root, "--urls", "http://127.0.0.1:0");
        await page.GotoAsync(server.Address);
        await page.GetByLabel("Pick first").CheckAsync();
        await page.GetByLabel("Pick second").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare the picked runs" }).ClickAsync();
        await Expect(page.Locator("#chart-train_loss .line")).ToHaveCountAsync(2);
        await Expect(page.Locator("#settings")).ToContainTextAsync("seed");
        await page.GetByRole(AriaRole.Link, new() { Name = "tokens", Exact = true }).ClickAsync();
        await Expect(page.Locator("#chart-train_loss .note")).ToContainTextAsync("tokens processed");
        await Pictures.Take(page, server.Address, null, "compare");

        await page.GotoAsync(server.Address + "/?q=second");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(1);
    }

    [SkippableFact]
    public async Task Runs_None_TellsWhatToDoAndShowsTheFirst()
    {
        IPage page = await chromium.OpenAsync(_troubles);
        string empty = Directory.CreateDirectory(Path.Combine(_folder, "runs")).FullName;
        using Fedllm server = await Fedllm.Start("dashboard", empty, "--urls", "http://127.0.0.1:0");
        await page.GotoAsync(server.Address);
        await Expect(page.Locator(".empty")).ToContainTextAsync("fedllm run configs/demo.yaml");
        await Pictures.Take(page, server.Address, null, "empty");
        using var files = new RunFiles("appears");
        Directory.Move(files.Root, Path.Combine(empty, "appears"));
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "appears" })).ToBeVisibleAsync();
    }

    private Task<Fedllm> Demo(string name, params string[] set) => Fedllm.Start(
    [
        "run", Path.Combine(AppContext.BaseDirectory, "configs", "demo.yaml"), "--out", Path.Combine(_folder, name), "--dashboard", "http://127.0.0.1:0",
        "--set", "training.max_steps=1", .. set.SelectMany(s => new[] { "--set", s }),
    ]);

    private static async Task<int> Round(IPage page) => int.Parse(
        Digits().Match(await page.Locator("#facts dd").First.TextContentAsync() ?? "0").Value, System.Globalization.CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();
}
