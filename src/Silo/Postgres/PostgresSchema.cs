using System.Data.Common;
using FedLLM.Silo.Hosting;
using Npgsql;

namespace FedLLM.Silo.Postgres;

/// <summary>The tables and queries that Orleans' ADO.NET providers expect of a database (orleans.sql).</summary>
public static class PostgresSchema
{
    // Any number that nobody else locks: silos that start together make the schema one after another.
    private const long LockKey = 0x4665644c4c4d; // FedLLM

    /// <summary>Makes the schema where there is none. One that is there, whoever made it, stays as it is.</summary>
    /// <exception cref="SiloSettingsException">The database cannot be reached or refuses; the message holds no secret.</exception>
    public static void Ensure(string connectionString)
    {
        try
        {
            using var connection = new NpgsqlConnection(connectionString);
            connection.Open();
            using NpgsqlTransaction transaction = connection.BeginTransaction();
            Execute(connection, FormattableString.Invariant($"SELECT pg_advisory_xact_lock({LockKey})"));
            using (var present = new NpgsqlCommand("SELECT to_regclass('orleansquery') IS NOT NULL", connection))
            {
                if (present.ExecuteScalar() is true)
                {
                    return;
                }
            }

            using var reader = new StreamReader(typeof(PostgresSchema).Assembly.GetManifestResourceStream("orleans.sql")!);
            Execute(connection, reader.ReadToEnd());
            transaction.Commit();
        }
        catch (Exception fault) when (fault is DbException or ArgumentException)
        {
            // An error of the server's names table or user; one of the connection string's could repeat it.
            string problem = fault is PostgresException refusal ? $"{refusal.SqlState}: {refusal.MessageText}" : fault.GetType().Name;
            throw new SiloSettingsException($"PostgreSQL cannot be used ({problem}); check Silo:ConnectionString and the server", fault);
        }
    }

    private static void Execute(NpgsqlConnection connection, string text)
    {
        using var command = new NpgsqlCommand(text, connection);
        command.ExecuteNonQuery();
    }
}
