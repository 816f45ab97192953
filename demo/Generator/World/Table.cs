namespace FedLLM.DemoData.World;

/// <summary>Reads the world's small tables: a row a line, fields between bars.</summary>
internal static class Table
{
    /// <summary>Returns one item a row of <paramref name="text"/>.</summary>
    public static IReadOnlyList<T> Rows<T>(string text, Func<string[], T> read) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => read(line.Split('|')))];

    /// <summary>Returns the words of <paramref name="text"/>.</summary>
    public static IReadOnlyList<string> Words(string text) => text.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
}
