namespace FedLLM.Benchmarks;

/// <summary>Reads a command's arguments.</summary>
internal static class Arguments
{
    /// <summary>The value behind <paramref name="name"/>, or null where it is not given.</summary>
    public static string? Option(string[] args, string name)
    {
        int i = Array.IndexOf(args, name);
        return i >= 0 && i + 1 < args.Length ? args[i + 1] : null;
    }
}
