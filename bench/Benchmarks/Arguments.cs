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

    /// <summary>The values behind every <paramref name="name"/>, in their order.</summary>
    public static string[] Options(string[] args, string name) => [.. Enumerable.Range(1, Math.Max(0, args.Length - 1)).Where(i => args[i - 1] == name).Select(i => args[i])];

    /// <summary>The folder of real models, tokenizers and data, which is no part of the repository.</summary>
    public static string Shared(string[] args) => Option(args, "--shared") ?? Environment.GetEnvironmentVariable("FEDLLM_SHARED") ?? "../shared";
}
