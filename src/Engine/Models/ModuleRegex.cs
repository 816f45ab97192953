using System.Text.RegularExpressions;

namespace FedLLM.Engine.Models;

/// <summary>
/// A regular expression over module names, as PEFT writes them in Python's syntax. Only what Python and this runtime read alike and what matches in time linear
/// in the name is taken; the rest is refused by name. No look-around, no backreference, no named group, no inline flag.
/// </summary>
internal sealed class ModuleRegex
{
    private const int MaxLength = 1000;
    private const string Remedy = "List the modules by name";
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(1); // behind the linear time, for the largest automata
    private readonly Regex _regex;
    private readonly string _setting;

    private ModuleRegex(string setting, string pattern, string anchored)
    {
        _setting = setting;
        if (pattern.Length > MaxLength)
        {
            throw new LoraConfigException(setting, $"is a regular expression of {pattern.Length} characters; at most {MaxLength} are read", Remedy);
        }

        if (Unshared(pattern) is { } construct)
        {
            throw new LoraConfigException(setting, $"is a regular expression with {construct}, which is not supported", Remedy);
        }

        try
        {
            _ = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking); // alone too: "a)|(b" is none
            _regex = new Regex(anchored, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, TimeLimit);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new LoraConfigException(setting, e is ArgumentException ? "is not a regular expression" : "is a regular expression too large to match in linear time", Remedy, e);
        }
    }

    /// <summary>Matches whole names, as Python's <c>re.fullmatch</c>.</summary>
    /// <exception cref="LoraConfigException">The pattern is not understood.</exception>
    public static ModuleRegex WholeName(string setting, string pattern) => new(setting, pattern, $@"\A(?:{pattern})\z");

    /// <summary>Matches names that end with the pattern, at their beginning or behind a dot.</summary>
    /// <exception cref="LoraConfigException">The pattern is not understood.</exception>
    public static ModuleRegex EndOfName(string setting, string pattern) => new(setting, pattern, $@"\A(?:.*\.)?(?:{pattern})\z");

    /// <summary>Whether the name matches.</summary>
    /// <exception cref="LoraConfigException">It takes longer than a second.</exception>
    public bool IsMatch(string module)
    {
        try
        {
            return _regex.IsMatch(module);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new LoraConfigException(_setting, "is a regular expression that takes longer than a second", Remedy, e);
        }
    }

    // Names the first construct that Python and this runtime read differently, or that cannot be matched in linear time.
    private static string? Unshared(string pattern)
    {
        bool inSet = false;
        for (int i = 0; i < pattern.Length; i++)
        {
            char next = i + 1 < pattern.Length ? pattern[i + 1] : '\0';
            switch (pattern[i])
            {
                case '\\':
                    if (char.IsAsciiLetterOrDigit(next) && !"AbBdDsSwWZnrtfv".Contains(next, StringComparison.Ordinal))
                    {
                        return char.IsAsciiDigit(next) ? $"the backreference \\{next}" : $"the escape \\{next}";
                    }

                    i++;
                    break;
                case '[' when inSet:
                    return "'[' inside a set";
                case '[':
                    inSet = true;
                    i += next == '^' ? 1 : 0;
                    i += i + 1 < pattern.Length && pattern[i + 1] == ']' ? 1 : 0; // a set's first ']' is itself
                    break;
                case ']':
                    inSet = false;
                    break;
                case '(' when !inSet && next == '?':
                    char kind = i + 2 < pattern.Length ? pattern[i + 2] : '\0';
                    if (kind != ':')
                    {
                        return kind is '=' or '!' or '<' ? $"look-around or a named group '(?{kind}'" : kind == 'P' ? "a named group '(?P'" : $"the group '(?{kind}'";
                    }

                    break;
                case '{' when !inSet && next == ',':
                    return "a count without its least '{,'";
                case '*' or '+' or '?' or '}' when !inSet && next == '+':
                    return $"a possessive count '{pattern[i]}+'";
            }
        }

        return null;
    }
}
