using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using FedLLM.Experiments.Configuration;
using PromptTemplate = FedLLM.Data.Templates.PromptTemplate;

namespace FedLLM.Cli.Commands;

/// <summary>Options that several commands share, and options whose values are checked while they are parsed.</summary>
internal static class CommandOptions
{
    /// <summary><c>--json</c>.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print the result as one JSON document." };

    /// <summary><c>--model DIR</c>, required.</summary>
    public static Option<string> Model() => new("--model") { Description = "Model directory in Hugging Face's layout.", HelpName = "DIR", Required = true };

    /// <summary><c>--adapter DIR</c>.</summary>
    public static Option<string?> Adapter() => new("--adapter") { Description = "LoRA adapter directory in PEFT's layout.", HelpName = "DIR" };

    /// <summary>A whole number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
    public static Option<long?> Integer(string name, string description, long minimum, long maximum, long? fallback = null) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => fallback,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= minimum && value <= maximum)
            {
                return value;
            }

            string range = maximum == long.MaxValue ? $"{minimum} or more" : $"{minimum} to {maximum}";
            result.AddError($"{name}: '{text}' is not a whole number of {range}");
            return null;
        },
    };

    /// <summary>A number of 0 or more.</summary>
    public static Option<double> NotNegative(string name, string description, double fallback) => new(name)
    {
        Description = description,
        HelpName = "NUMBER",
        DefaultValueFactory = _ => fallback,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= 0 && double.IsFinite(value))
            {
                return value;
            }

            result.AddError($"{name}: '{text}' is not a number of 0 or more");
            return 0;
        },
    };

    /// <summary>A number above 0 and at most 1; 1 unless given.</summary>
    public static Option<double> Share(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "NUMBER",
        DefaultValueFactory = _ => 1,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value is > 0 and <= 1)
            {
                return value;
            }

            result.AddError($"{name}: '{text}' is not a number above 0 and at most 1");
            return 1;
        },
    };

    /// <summary>A text that may be given several times.</summary>
    public static Option<string[]> Texts(string name, string description) => new(name)
    {
        Description = $"{description} May be given several times.",
        HelpName = "TEXT",
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    /// <summary>One of the prompt templates, or none where there is no <paramref name="fallback"/>.</summary>
    public static Option<PromptTemplate?> Template(string description, PromptTemplate? fallback) =>
        Choice("--template", description, PromptTemplate.All, t => t.Name, [], fallback);

    /// <summary>One of several named values. A name among <paramref name="planned"/> is refused as not built yet.</summary>
    public static Option<T?> Choice<T>(
        string name, string description, IReadOnlyList<T> values, Func<T, string> nameOf, IReadOnlyList<string> planned, T? fallback)
        where T : class => new(name)
        {
            Description = $"{description} One of: {string.Join(", ", values.Select(nameOf))}.",
            HelpName = "NAME",
            DefaultValueFactory = _ => fallback,
            CustomParser = result => Choose(result, name, values, nameOf, planned),
        };

    private static T? Choose<T>(ArgumentResult result, string name, IReadOnlyList<T> values, Func<T, string> nameOf, IReadOnlyList<string> planned)
        where T : class
    {
        string text = result.Tokens[0].Value;
        T? found = values.FirstOrDefault(v => nameOf(v) == text);
        if (found is null)
        {
            result.AddError(planned.Contains(text)
                ? $"{name}: '{text}' is not built yet"
                : $"{name}: '{text}' is unknown; the nearest known one is {NearestName.Find(text, string.Empty, values.Select(nameOf))}");
        }

        return found;
    }
}
