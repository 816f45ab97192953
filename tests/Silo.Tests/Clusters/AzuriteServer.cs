using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>
/// Azure Storage's emulator, on loopback and in a temporary folder. Tests are skipped visibly where it is not installed: it is looked for as FEDLLM_AZURITE says, in the
/// repository's .tools (npm install --prefix .tools azurite), and on the path.
/// </summary>
internal sealed class AzuriteServer : IAsyncDisposable
{
    private const string Variable = "FEDLLM_AZURITE";
    private const string Account = "devstoreaccount1";

    // The emulator's key is the same everywhere, and no secret.
    private const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly string _program;
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-azurite-").FullName;
    private readonly int[] _ports = Ports.Free(3);
    private Process? _process;

    private AzuriteServer(string program) => _program = program;

    public string ConnectionString => string.Create(
        CultureInfo.InvariantCulture,
        $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={Key};BlobEndpoint=http://127.0.0.1:{_ports[0]}/{Account};QueueEndpoint=http://127.0.0.1:{_ports[1]}/{Account};TableEndpoint=http://127.0.0.1:{_ports[2]}/{Account};");

    /// <summary>Makes one and starts it.</summary>
    public static async Task<AzuriteServer> StartNewAsync()
    {
        string? program = Places().FirstOrDefault(File.Exists);
        Skip.If(program is null, $"Azurite is not installed (npm install --prefix .tools azurite, or name it in {Variable}).");
        var server = new AzuriteServer(program!);
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it, or starts it again.</summary>
    public async Task StartAsync()
    {
        string[] arguments =
        [
            "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", _folder, "--blobPort", Text(_ports[0]), "--queuePort", Text(_ports[1]), "--tablePort", Text(_ports[2]),
        ];
        var start = new ProcessStartInfo(_program, arguments) { WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        foreach (int port in _ports)
        {
            await Cluster.UntilAsync(() => Answers(port));
        }
    }

    /// <summary>Stops it at once, without a word to its clients.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static IEnumerable<string> Places()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            yield return named;
        }

        yield return Path.Combine(TestSupport.SharedData.RepositoryRoot(), ".tools", "node_modules", ".bin", "azurite");
        foreach (string folder in Environment.GetEnvironmentVariable("PATH")?.Split(Path.PathSeparator) ?? [])
        {
            yield return Path.Combine(folder, "azurite");
        }
    }

    private static bool Answers(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
