using System.Diagnostics;
using System.Globalization;
using FedLLM.Dashboard.Tests.Support;
using Microsoft.Playwright;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>pages [--rounds 1000] [--clients 100] [--program fedllm.dll] [--out FILE]</c>: how soon the dashboard's pages are there on a long run. The program must have
/// been built; Chromium, where it is installed, tells when a page is painted and loaded.
/// </summary>
internal static class PagesCommand
{
    private const int Visits = 10;
    private const string Chromium = "/usr/bin/chromium";

    private static readonly (string Name, string Address)[] Pages =
    [
        ("Runs", "/"), ("A run", "/runs/large"), ("Rounds", "/runs/large/rounds"), ("A round", "/runs/large/rounds/500"), ("Clients", "/runs/large/clients"),
        ("A client", "/runs/large/clients/7"), ("Compare", "/compare?run=large&run=other"), ("Samples", "/runs/large/samples"), ("API", "/api"),
        ("Metrics", "/metrics"), ("A chart as JSON", "/api/runs/large/charts/loss"), ("A chart as CSV", "/api/runs/large/charts/loss.csv"), ("All rounds as JSON", "/api/runs/large/rounds"),
    ];

    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        int rounds = int.Parse(Arguments.Option(args, "--rounds") ?? "1000", CultureInfo.InvariantCulture);
        int clients = int.Parse(Arguments.Option(args, "--clients") ?? "100", CultureInfo.InvariantCulture);
        string program = Path.GetFullPath(Arguments.Option(args, "--program") ?? "src/Cli/bin/Release/net10.0/fedllm.dll");
        using var run = new RunFiles("large", rounds: 2 * rounds);
        using var other = new RunFiles("other", rounds: 2 * rounds);
        run.Fill(rounds, clients, spike: rounds / 2);
        other.Fill(rounds, clients, spike: -1);
        WriteJournal(run["journal.jsonl"], rounds, clients);
        WriteJournal(other["journal.jsonl"], rounds, clients);
        string text = MeasureAsync(program, run, other, rounds, clients).GetAwaiter().GetResult();
        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text);
        }

        return 0;
    }

    // As long as a real one: a receipt for each client and round, with the magnitudes of 70 tensors.
    private static void WriteJournal(string path, int rounds, int clients)
    {
        using StreamWriter journal = File.CreateText(path);
        string check = new('0', 32), hash = new('a', 64), magnitudes = string.Join(',', Enumerable.Repeat("0.0074413605", 70));
        for (int receipt = 0; receipt < rounds * clients; receipt++)
        {
            journal.Write(string.Create(
                CultureInfo.InvariantCulture,
                $$$"""{"check":"{{{check}}}","entry":{"receipt":{"round":{{{1 + (receipt / clients)}}},"instruction":"{{{hash}}}","client":{{{receipt % clients}}},"update":"{{{hash}}}","weight":89,"max_absolute":[{{{magnitudes}}}]"""));
            journal.Write("}}}\n");
        }
    }

    private static async Task<string> MeasureAsync(string program, RunFiles run, RunFiles other, int rounds, int clients)
    {
        var clock = Stopwatch.StartNew();
        using Process server = Start(program, run.Root, other.Root);
        try
        {
            const string Said = "dashboard: ";
            string? line;
            while ((line = await server.StandardError.ReadLineAsync().ConfigureAwait(false))?.StartsWith(Said, StringComparison.Ordinal) == false)
            {
            }

            string address = (line ?? throw new InvalidOperationException($"{program} ended without an address.")).Replace(Said, string.Empty, StringComparison.Ordinal);
            double started = clock.Elapsed.TotalSeconds;
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            double entry = await VisitAsync(client, "/runs/large").ConfigureAwait(false);
            var rows = new List<string>();
            await using Browser browser = await Browser.StartAsync(address).ConfigureAwait(false);
            foreach ((string name, string path) in Pages)
            {
                double first = await VisitAsync(client, path).ConfigureAwait(false);
                double again = await MedianAsync(() => VisitAsync(client, path)).ConfigureAwait(false);
                double afterRound = await MedianAsync(async () =>
                {
                    run.Append(RunFiles.Line(++rounds, 1));
                    await Task.Delay(500).ConfigureAwait(false); // the feed looks at files at most every 400 ms
                    return await VisitAsync(client, path).ConfigureAwait(false);
                }, 3).ConfigureAwait(false);
                long bytes = (await client.GetByteArrayAsync(path).ConfigureAwait(false)).LongLength;
                string seen = path.StartsWith("/api/", StringComparison.Ordinal) || path == "/metrics" ? "| | |" : await browser.SeeAsync(path).ConfigureAwait(false);
                rows.Add(string.Create(CultureInfo.InvariantCulture, $"| {name} | {bytes / 1024.0:F0} | {1000 * first:F0} | {1000 * again:F0} | {1000 * afterRound:F0} {seen}"));
            }

            string Memory(string key) => (long.Parse(
                File.ReadLines($"/proc/{server.Id}/status").First(l => l.StartsWith(key, StringComparison.Ordinal)).Split(':')[1][..^2], CultureInfo.InvariantCulture) / 1024).ToString(CultureInfo.InvariantCulture);
            return string.Create(CultureInfo.InvariantCulture, $"""
                # The dashboard's pages

                `dotnet run -c Release --project bench/Benchmarks -- pages`, {Machine.Describe()}.

                Two runs of {rounds - (3 * Pages.Length):N0} rounds x {clients:N0} clients ({new FileInfo(run["rounds.jsonl"]).Length >> 20} MiB of rounds.jsonl and {new FileInfo(run["journal.jsonl"]).Length >> 20} MiB of journal.jsonl each). From the command to the printed address: {started:F2} s; the first page of
                the run then took {entry:F2} s, in which the runs were read. The process used {Memory("VmRSS")} MiB, at most {Memory("VmHWM")} MiB. Milliseconds from the request to the answer's last byte: the
                first visit, the median of {Visits} further ones, and the median of 3 that each follow a round just written; and in Chromium, with an empty cache, until the first
                paint and until everything is loaded.

                | page | KiB | first | again | after a round | painted | loaded |
                |---|---:|---:|---:|---:|---:|---:|
                {string.Join('\n', rows)}

                """);
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync().ConfigureAwait(false);
        }
    }

    private static Process Start(string program, params string[] folders)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true };
        foreach (string argument in (string[])["exec", program, "dashboard", .. folders, "--urls", "http://127.0.0.1:0"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Remove("FEDLLM_DASHBOARD_TOKEN");
        return Process.Start(start)!;
    }

    private static async Task<double> VisitAsync(HttpClient client, string path)
    {
        long begin = Stopwatch.GetTimestamp();
        await client.GetByteArrayAsync(path).ConfigureAwait(false);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static async Task<double> MedianAsync(Func<Task<double>> measure, int times = Visits)
    {
        var seconds = new List<double>();
        for (int i = 0; i < times; i++)
        {
            seconds.Add(await measure().ConfigureAwait(false));
        }

        return seconds.Order().ElementAt(times / 2);
    }

    /// <summary>Chromium, where it is installed.</summary>
    private sealed class Browser(IPlaywright? playwright, IBrowser? browser, string address) : IAsyncDisposable
    {
        public static async Task<Browser> StartAsync(string address)
        {
            if (!File.Exists(Chromium))
            {
                return new Browser(null, null, address);
            }

            IPlaywright playwright = await Playwright.CreateAsync().ConfigureAwait(false);
            return new Browser(playwright, await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
            {
                ExecutablePath = Chromium,
                Args = ["--no-sandbox", "--disable-gpu"],
            }).ConfigureAwait(false), address);
        }

        /// <summary>Milliseconds until the first paint and until the load event, as two cells: the median of three visits, each in a profile of its own.</summary>
        public async Task<string> SeeAsync(string path)
        {
            if (browser is null)
            {
                return "| | |";
            }

            var seen = new List<double[]>();
            for (int i = 0; i < 3; i++)
            {
                IBrowserContext context = await browser.NewContextAsync().ConfigureAwait(false);
                IPage page = await context.NewPageAsync().ConfigureAwait(false);
                await page.GotoAsync(address + path).ConfigureAwait(false);
                seen.Add(await page.EvaluateAsync<double[]>(
                    """
                    async () => {
                        const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
                        while (paint() === undefined || performance.getEntriesByType("navigation")[0].loadEventEnd === 0) { await new Promise(done => requestAnimationFrame(done)); }
                        return [paint(), performance.getEntriesByType("navigation")[0].loadEventEnd];
                    }
                    """).ConfigureAwait(false));
                await context.CloseAsync().ConfigureAwait(false);
            }

            double Median(int part) => seen.Select(s => s[part]).Order().ElementAt(1);
            return string.Create(CultureInfo.InvariantCulture, $"| {Median(0):F0} | {Median(1):F0} |");
        }

        public async ValueTask DisposeAsync()
        {
            if (browser is not null)
            {
                await browser.CloseAsync().ConfigureAwait(false);
            }

            playwright?.Dispose();
        }
    }
}
