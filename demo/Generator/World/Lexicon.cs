namespace FedLLM.DemoData.World;

/// <summary>A person of the stories and the pronouns.</summary>
internal sealed record Person(string Name, string He, string His);

/// <summary>A country of the demo's invented map: its capital, its river and what it grows.</summary>
internal sealed record Country(string Name, string Capital, string River, string Crop);

/// <summary>Words in order or in pairs: people, countries, calendar, opposites, rhymes, colors, praise and blame.</summary>
internal static class Lexicon
{
    /// <summary>People of the stories.</summary>
    public static readonly IReadOnlyList<Person> People =
    [
        .. Table.Words("Mia Nora Ana Lily Eva Ruby Ida Rosa").Select(n => new Person(n, "she", "her")),
        .. Table.Words("Leo Tom Ben Sam Max Finn Hugo Otto").Select(n => new Person(n, "he", "his")),
    ];

    /// <summary>The invented countries.</summary>
    public static readonly IReadOnlyList<Country> Countries = Table.Rows(
        """
        Norland|Velma|Orin|wheat
        Sudora|Tamber|Lisk|corn
        Westria|Holm|Arda|apples
        Belmar|Sorin|Tava|rice
        Karvia|Mirda|Pell|beans
        Doland|Fenn|Ursa|barley
        Lumia|Astra|Vire|grapes
        Tarnia|Rook|Dell|plums
        Osmark|Linden|Kora|wheat
        Pellia|Garda|Nim|lemons
        Rondor|Calla|Brin|corn
        Falmar|Otera|Sill|rice
        Gavia|Perrin|Lowen|figs
        Hestia|Morra|Tesk|barley
        Ivoria|Bandel|Ruan|melons
        Jorland|Kelm|Eska|potatoes
        Marovia|Dunas|Welt|pears
        Zandor|Salba|Himar|dates
        Ulmia|Vesper|Gola|cherries
        Brenna|Torvik|Amber|cabbage
        Cordia|Lanza|Miro|olives
        Estmark|Hagen|Pola|peas
        Yarland|Nessa|Cray|onions
        Quellia|Ombra|Fara|pumpkins
        """,
        f => new Country(f[0], f[1], f[2], f[3]));

    /// <summary>The days of the week, from Monday.</summary>
    public static readonly IReadOnlyList<string> Days = Table.Words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday");

    /// <summary>The months of the year.</summary>
    public static readonly IReadOnlyList<string> Months =
        Table.Words("January February March April May June July August September October November December");

    /// <summary>Pairs of opposites; no word is in two of them.</summary>
    public static readonly IReadOnlyList<(string Left, string Right)> Opposites =
    [
        .. Table.Words(
            """
            hot/cold big/small tall/short fast/slow happy/sad light/dark day/night up/down left/right open/closed full/empty hard/soft
            wet/dry old/new rich/poor loud/quiet clean/dirty early/late near/far high/low strong/weak sweet/sour thick/thin wide/narrow
            deep/shallow true/false first/last good/bad black/white front/back inside/outside above/below before/after always/never
            push/pull give/take win/lose start/stop buy/sell laugh/cry love/hate come/go sit/stand rise/fall asleep/awake brave/afraid
            kind/cruel smooth/rough sharp/blunt safe/dangerous polite/rude simple/complex summer/winter friend/enemy north/south east/west
            arrive/leave ask/answer remember/forget begin/end add/remove floor/ceiling sunrise/sunset heaven/earth
            """).Select(p => (p[..p.IndexOf('/')], p[(p.IndexOf('/') + 1)..])),
    ];

    /// <summary>Groups of words that rhyme.</summary>
    public static readonly IReadOnlyList<IReadOnlyList<string>> Rhymes =
    [
        .. new[]
        {
            "cat hat mat bat", "dog log fog frog", "sun run fun bun", "bee tree sea knee", "moon spoon noon tune", "star car far jar",
            "cake lake snake rake",
            "ring king sing wing", "goat boat coat note", "mouse house blouse", "bell shell well", "night light kite white",
            "fox box socks",
            "bear chair hair pear", "rain train lane chain", "snow crow row bow", "hill mill pill", "fish dish wish", "pie sky fly",
            "old gold cold",
        }.Select(Table.Words),
    ];

    /// <summary>Colors.</summary>
    public static readonly IReadOnlyList<string> Colors = Table.Words("red blue green yellow black white brown pink orange purple gray golden");

    /// <summary>What a review can be about.</summary>
    public static readonly IReadOnlyList<string> Reviewed = Table.Words("soup film hotel book song cake game show lamp trip garden tea bread music room party");

    /// <summary>Words of a happy review.</summary>
    public static readonly IReadOnlyList<string> Praise =
        Table.Words("lovely great perfect charming splendid excellent wonderful superb brilliant pleasant delightful fantastic beautiful amazing");

    /// <summary>Words of an unhappy review.</summary>
    public static readonly IReadOnlyList<string> Blame =
        Table.Words("awful dull boring terrible horrible nasty useless ugly dreadful dismal lousy poor weak disappointing");

    /// <summary>Names of weather, for diaries.</summary>
    public static readonly IReadOnlyList<string> Weather = Table.Words("sunny rainy windy cloudy snowy foggy stormy warm");
}
