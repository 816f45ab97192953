using System.Globalization;

namespace FedLLM.Experiments.Configuration;

/// <summary>An interval of numbers.</summary>
internal sealed record Bounds(double Minimum, bool IncludeMinimum, double Maximum, bool IncludeMaximum)
{
    public static Bounds Above(double minimum) => new(minimum, false, double.MaxValue, true);

    public static Bounds AtLeast(double minimum) => new(minimum, true, double.MaxValue, true);

    public bool Contains(double value) =>
        (IncludeMinimum ? value >= Minimum : value > Minimum) && (IncludeMaximum ? value <= Maximum : value < Maximum);

    public override string ToString()
    {
        string low = FormattableString.Invariant($"{(IncludeMinimum ? "at least" : "above")} {Minimum}");
        return Maximum == double.MaxValue
            ? low
            : FormattableString.Invariant($"{low} and {(IncludeMaximum ? "at most" : "below")} {Maximum}");
    }
}

/// <summary>An integer.</summary>
internal sealed class IntegerType(long minimum, long maximum = int.MaxValue) : ValueType
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        string allowed = maximum is int.MaxValue or long.MaxValue ? $"an integer of at least {minimum}" : $"an integer from {minimum} to {maximum}";
        if (node is not ScalarNode { Quoted: false } scalar)
        {
            return ValueReading.Wrong($"must be {allowed}, without quotes");
        }

        bool isInteger = long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value);
        return isInteger && value >= minimum && value <= maximum ? ValueReading.Of(value) : ValueReading.Wrong($"must be {allowed}");
    }

    public override string Write(object? value) => ((long)value!).ToString(CultureInfo.InvariantCulture);
}

/// <summary>A real number, finite.</summary>
internal sealed class NumberType(Bounds bounds) : ValueType
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is not ScalarNode { Quoted: false } scalar)
        {
            return ValueReading.Wrong($"must be a number {bounds}, without quotes");
        }

        bool isNumber = double.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value);

        // Minus zero would be a second spelling of the same experiment.
        return isNumber && bounds.Contains(value) ? ValueReading.Of(value + 0.0) : ValueReading.Wrong($"must be a number {bounds}");
    }

    /// <summary>The shortest text that reads back the same, with a point, as YAML 1.1 readers need it.</summary>
    public override string Write(object? value)
    {
        string text = ((double)value!).ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();
        int exponent = text.IndexOf('e', StringComparison.Ordinal);
        string mantissa = exponent < 0 ? text : text[..exponent];
        return (mantissa.Contains('.', StringComparison.Ordinal) ? mantissa : mantissa + ".0") + (exponent < 0 ? string.Empty : text[exponent..]);
    }
}

/// <summary>true or false.</summary>
internal sealed class SwitchType : ValueType
{
    public override ValueReading Read(SourceNode node, string folder) => node switch
    {
        ScalarNode { Quoted: false, Text: "true" } => ValueReading.Of(true),
        ScalarNode { Quoted: false, Text: "false" } => ValueReading.Of(false),
        _ => ValueReading.Wrong("must be true or false"),
    };

    public override string Write(object? value) => (bool)value! ? "true" : "false";
}

/// <summary>A value of another type, or the absence of one.</summary>
/// <param name="inner">The other type.</param>
/// <param name="absent">How absence is spelled.</param>
internal sealed class OptionalType(ValueType inner, string absent = "none") : ValueType
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is ScalarNode { Quoted: false } scalar && (scalar.Text == absent || (absent == "none" && scalar.Text is "null" or "~")))
        {
            return ValueReading.Of(null);
        }

        ValueReading reading = inner.Read(node, folder);
        return reading.Problem is null ? reading : ValueReading.Wrong($"{reading.Problem}, or {absent}");
    }

    public override string Write(object? value) => value is null ? absent : inner.Write(value);

    public override SourceNode FromOverride(string text) => text == absent ? base.FromOverride(text) : inner.FromOverride(text);
}
