namespace FedLLM.Data.Files;

/// <summary>Orders names as people count: runs of ASCII digits by their value, everything else by UTF-16 code unit; client_2 comes before client_10.</summary>
public sealed class NaturalOrder : IComparer<string>
{
    private NaturalOrder()
    {
    }

    /// <summary>The order.</summary>
    public static NaturalOrder Comparer { get; } = new();

    /// <summary>Compares two names. Names that differ only in leading zeros are ordered by code unit, so the order is total.</summary>
    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return string.CompareOrdinal(x, y);
        }

        int i = 0;
        int j = 0;
        while (i < x.Length && j < y.Length)
        {
            int order;
            if (char.IsAsciiDigit(x[i]) && char.IsAsciiDigit(y[j]))
            {
                ReadOnlySpan<char> a = Number(x, ref i);
                ReadOnlySpan<char> b = Number(y, ref j);
                order = a.Length != b.Length ? a.Length - b.Length : a.SequenceCompareTo(b);
            }
            else
            {
                order = x[i++] - y[j++];
            }

            if (order != 0)
            {
                return order;
            }
        }

        int rest = (x.Length - i) - (y.Length - j);
        return rest != 0 ? rest : string.CompareOrdinal(x, y);
    }

    private static ReadOnlySpan<char> Number(string text, ref int index)
    {
        int start = index;
        while (index < text.Length && char.IsAsciiDigit(text[index]))
        {
            index++;
        }

        return text.AsSpan(start, index - start).TrimStart('0');
    }
}
