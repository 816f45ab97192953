using Spectre.Console;
using Spectre.Console.Rendering;

namespace FedLLM.Cli.Rendering;

/// <summary>Tables on a screen as wide as it is, and elsewhere as wide as they need to be.</summary>
internal static class Tables
{
    private const int UnboundedWidth = 240;

    /// <summary>Returns a console on <paramref name="output"/>.</summary>
    /// <param name="output">Where it writes.</param>
    /// <param name="screen">Whether that is a screen; elsewhere there are neither colors nor movement.</param>
    public static IAnsiConsole Console(TextWriter output, bool screen)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = screen ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = screen ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = screen ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!screen)
        {
            console.Profile.Width = UnboundedWidth;
        }

        return console;
    }

    /// <summary>Makes an empty table; columns whose name begins with '#' are numbers and stand to the right.</summary>
    public static Table New(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string name in columns)
        {
            var column = new TableColumn(new Text(name.TrimStart('#')));
            table.AddColumn(name.StartsWith('#') ? column.RightAligned().NoWrap() : column);
        }

        return table;
    }

    /// <summary>Adds a row of plain texts.</summary>
    public static void Row(this Table table, params ReadOnlySpan<string> cells)
    {
        var texts = new IRenderable[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            texts[i] = new Text(Failure.OneLine(cells[i]));
        }

        table.AddRow(texts);
    }

    /// <summary>Writes names and values, a pair on a line, the values under one another.</summary>
    public static void WriteFacts(TextWriter output, params ReadOnlySpan<(string Name, string Value)> facts)
    {
        int width = 0;
        foreach ((string name, _) in facts)
        {
            width = Math.Max(width, name.Length);
        }

        foreach ((string name, string value) in facts)
        {
            output.WriteLine($"{name.PadRight(width)}  {Failure.OneLine(value)}");
        }
    }
}
