using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>A PostgreSQL server of its own, on loopback and in a temporary folder. Tests are skipped visibly where PostgreSQL is not installed.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    // As root, PostgreSQL refuses to run: Debian's package makes this user for it.
    private const string User = "postgres";
    private readonly string _programs;
    private readonly string _folder;
    private readonly int _port;

    private PostgresServer(string programs, string folder, int port) => (_programs, _folder, _port) = (programs, folder, port);

    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username={User};Database=postgres;Timeout=3;Command Timeout=5");

    /// <summary>Makes one and starts it.</summary>
    public static async Task<PostgresServer> StartNewAsync()
    {
        string? programs = Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")).Where(d => File.Exists(Path.Combine(d, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault()
            : null;
        Skip.If(programs is null, "PostgreSQL is not installed (Debian: apt-get install postgresql).");
        string folder = Directory.CreateTempSubdirectory("fedllm-postgres-").FullName;
        var server = new PostgresServer(programs!, folder, Ports.Free(1)[0]);
        if (Environment.IsPrivilegedProcess)
        {
            Skip.IfNot((await RunAsync("id", User)) == 0, $"PostgreSQL does not run as root, and there is no user {User}.");
            Assert.Equal(0, await RunAsync("chown", User, folder));
        }

        Assert.Equal(0, await server.AsUserAsync("initdb", "-D", server.Data, "-U", User, "-A", "trust", "-E", "UTF8", "--no-sync"));
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it, or starts it again.</summary>
    public async Task StartAsync() => Assert.Equal(0, await AsUserAsync(
        "pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_folder, "log"), "-o", string.Create(CultureInfo.InvariantCulture, $"-c listen_addresses=127.0.0.1 -p {_port} -k {_folder}"), "start"));

    /// <summary>Stops it at once, without a word to its clients.</summary>
    public async Task StopAsync() => Assert.Equal(0, await AsUserAsync("pg_ctl", "-D", Data, "-w", "-m", "immediate", "stop"));

    /// <summary>Returns everything that its tables hold, a row a line; bytes are in hexadecimal digits.</summary>
    public async Task<string> TextAsync()
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString);
        var text = new StringBuilder();
        foreach (string table in await RowsAsync(source, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        {
            foreach (string row in await RowsAsync(source, $"SELECT t::text FROM \"{table}\" t"))
            {
                text.AppendLine(row);
            }
        }

        return text.ToString();
    }

    /// <summary>Whether such a text holds another one, as text or in UTF-8 bytes.</summary>
    public static bool Holds(string text, string sought) =>
        text.Contains(sought, StringComparison.Ordinal) || text.Contains(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(sought)), StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        await AsUserAsync("pg_ctl", "-D", Data, "-w", "-m", "immediate", "stop");
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<List<string>> RowsAsync(NpgsqlDataSource source, string query)
    {
        var rows = new List<string>();
        await using NpgsqlCommand command = source.CreateCommand(query);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    private string Data => Path.Combine(_folder, "data");

    private Task<int> AsUserAsync(string program, params string[] arguments)
    {
        string path = Path.Combine(_programs, program);
        return Environment.IsPrivilegedProcess ? RunAsync("runuser", ["-u", User, "--", path, .. arguments]) : RunAsync(path, arguments);
    }

    // The server inherits no pipe of ours: it would keep it open for as long as it lives.
    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, WorkingDirectory = Path.GetTempPath() };
        foreach (string argument in (string[])["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", program, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
