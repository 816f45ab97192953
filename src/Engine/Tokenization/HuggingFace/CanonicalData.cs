using System.Collections.Frozen;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>
/// What form C needs of the Unicode Character Database 14.0: canonical decompositions, primary composites, combining classes. Composites that later
/// versions bring are made of characters that are new there, too (the stability policy), so older text composes the same.
/// </summary>
/// <remarks>
/// The tables are lists of unsigned LEB128 integers. Decompositions: code point minus the one before; first part x 4 + 2 if there is a second + 1 if
/// the pair composes; the second part. Classes: start of a run minus the end of the one before; its length; its class.
/// </remarks>
internal static class CanonicalData
{
    private const string PackedDecompositions =
        "wAGHAoAGAYcCgQYBhwKCBgGHAoMGAYcCiAYBhwKKBgKPAqcGAZcCgAYBlwKBBgGXAoIGAZcCiAYBpwKABgGnAoEGAacCggYBpwKIBgK7AoMGAb8CgAYBvwKB"
        + "BgG/AoIGAb8CgwYBvwKIBgPXAoAGAdcCgQYB1wKCBgHXAogGAecCgQYDhwOABgGHA4EGAYcDggYBhwODBgGHA4gGAYcDigYCjwOnBgGXA4AGAZcDgQYBlwOC"
        + "BgGXA4gGAacDgAYBpwOBBgGnA4IGAacDiAYCuwODBgG/A4AGAb8DgQYBvwOCBgG/A4MGAb8DiAYD1wOABgHXA4EGAdcDggYB1wOIBgHnA4EGAucDiAYBhwKE"
        + "BgGHA4QGAYcChgYBhwOGBgGHAqgGAYcDqAYBjwKBBgGPA4EGAY8CggYBjwOCBgGPAocGAY8DhwYBjwKMBgGPA4wGAZMCjAYBkwOMBgOXAoQGAZcDhAYBlwKG"
        + "BgGXA4YGAZcChwYBlwOHBgGXAqgGAZcDqAYBlwKMBgGXA4wGAZ8CggYBnwOCBgGfAoYGAZ8DhgYBnwKHBgGfA4cGAZ8CpwYBnwOnBgGjAoIGAaMDggYDpwKD"
        + "BgGnA4MGAacChAYBpwOEBgGnAoYGAacDhgYBpwKoBgGnA6gGAacChwYEqwKCBgGrA4IGAa8CpwYBrwOnBgKzAoEGAbMDgQYBswKnBgGzA6cGAbMCjAYBswOM"
        + "BgW7AoEGAbsDgQYBuwKnBgG7A6cGAbsCjAYBuwOMBgS/AoQGAb8DhAYBvwKGBgG/A4YGAb8CiwYBvwOLBgPLAoEGAcsDgQYBywKnBgHLA6cGAcsCjAYBywOM"
        + "BgHPAoEGAc8DgQYBzwKCBgHPA4IGAc8CpwYBzwOnBgHPAowGAc8DjAYB0wKnBgHTA6cGAdMCjAYB0wOMBgPXAoMGAdcDgwYB1wKEBgHXA4QGAdcChgYB1wOG"
        + "BgHXAooGAdcDigYB1wKLBgHXA4sGAdcCqAYB1wOoBgHfAoIGAd8DggYB5wKCBgHnA4IGAecCiAYB6wKBBgHrA4EGAesChwYB6wOHBgHrAowGAesDjAYivwKb"
        + "BgG/A5sGDtcCmwYB1wObBh2HAowGAYcDjAYBpwKMBgGnA4wGAb8CjAYBvwOMBgHXAowGAdcDjAYB8waEBgHzB4QGAfMGgQYB8weBBgHzBowGAfMHjAYB8waA"
        + "BgHzB4AGApMGhAYBkweEBgGbEYQGAZ8RhAYBmwaEBgGbB4QGA58CjAYBnwOMBgGvAowGAa8DjAYBvwKoBgG/A6gGAasPhAYBrw+EBgHfDYwGAcsUjAYBqwOM"
        + "BgSfAoEGAZ8DgQYDuwKABgG7A4AGAZcGgQYBlweBBgGbBoEGAZsHgQYB4waBBgHjB4EGAYcCjwYBhwOPBgGHApEGAYcDkQYBlwKPBgGXA48GAZcCkQYBlwOR"
        + "BgGnAo8GAacDjwYBpwKRBgGnA5EGAb8CjwYBvwOPBgG/ApEGAb8DkQYBywKPBgHLA48GAcsCkQYBywORBgHXAo8GAdcDjwYB1wKRBgHXA5EGAc8CpgYBzwOm"
        + "BgHTAqYGAdMDpgYDowKMBgGjA4wGB4cChwYBhwOHBgGXAqcGAZcDpwYB2waEBgHbB4QGAdcGhAYB1weEBgG/AocGAb8DhwYBuxGEBgG/EYQGAecChAYB5wOE"
        + "Bo0CgBgBhBgCzBgBohiBBjDkFQrsAQejBYEGAcccgQYB3AUB1xyBBgHfHIEGAeccgQYC/xyBBgKXHYEGAacdgQYBqx6BBhrnHIgGAZcdiAYBxx2BBgHXHYEG"
        + "Ad8dgQYB5x2BBgGvHoEGGucdiAYBlx6IBgH/HYEGAZcegQYBpx6BBgXLHoEGAcseiAYs1yCABgHXIIgGAs8ggQYEmyCIBgXrIIEGAeMggAYBjyGGBgvjIIYG"
        + "IOMhhgYX1yGABgHXIYgGAs8hgQYE2yKIBgXrIYEGAeMhgAYBjyKGBhjTI48GAdcjjwZK2yCGBgHbIYYGDsMghgYBwyGGBgHDIIgGAcMhiAYD1yCGBgHXIYYG"
        + "A+MmiAYB5yaIBgHbIIgGAdshiAYB3yCIBgHfIYgGA+MghAYB4yGEBgHjIIgGAeMhiAYB+yCIBgH7IYgGA6MniAYBpyeIBgG3IYgGAbciiAYBjyGEBgGPIoQG"
        + "AY8hiAYBjyKIBgGPIYsGAY8iiwYBnyGIBgGfIogGA68hiAYBryKIBqkCnzHTDAGfMdQMAaMy1AwBnzHVDAGrMtQMmgHXNtQMAoc21AwRyzbUDNYEo0m8EgjD"
        + "SbwSA89JvBIk1ki8EgHaSLwSAd5IvBIB8ki8EgGGSbwSAYpJvBIBrkm8EgG+SbwSbJ9OvhMBn07XExCGTbwTAYpNvBMCvk28E1TKUbwUA+JRvBQj2lC8FAHe"
        + "ULwUAfJQvBQDrlG8FOoBn1rWFgOfWr4WAZ9a1xYQhlm8FgGKWbwWN8tc1xc2m16+FwGfXr4XAZte1xd8m2LWGHj/ZdUZB5tm1RkBm2bWGQKbZsIZAatm1Rl/"
        + "m2q+GgGfar4aAZtq1xqOAeduyhsC527PGwHzbsobAedu3xvlAop6tx8Ksnq3HwXGercfBdp6tx8F7nq3Hw2CerUfCsZ78h4Cxnv0HgHKfYAfAs59gB8JxnuA"
        + "HxLKfLcfCvJ8tx8Fhn23HwWafbcfBa59tx8Nwny1H22XgQGuIOAVl9gBtTYCn9gBtTYCp9gBtTYCr9gBtTYCt9gBtTYEx9gBtTYp69kBtTYC89kBtTYD+9kB"
        + "tTYB/9kBtTYCi9oBtTa9BYcCpQYBhwOlBgGLAocGAYsDhwYBiwKjBgGLA6MGAYsCsQYBiwOxBgGfBoEGAZ8HgQYBkwKHBgGTA4cGAZMCowYBkwOjBgGTArEG"
        + "AZMDsQYBkwKnBgGTA6cGAZMCrQYBkwOtBgHLCIAGAc8IgAYBywiBBgHPCIEGAZcCrQYBlwOtBgGXArAGAZcDsAYBoxGGBgGnEYYGAZsChwYBmwOHBgGfAoQG"
        + "AZ8DhAYBowKHBgGjA4cGAaMCowYBowOjBgGjAogGAaMDiAYBowKnBgGjA6cGAaMCrgYBowOuBgGnArAGAacDsAYBvwaBBgG/B4EGAa8CgQYBrwOBBgGvAqMG"
        + "Aa8DowYBrwKxBgGvA7EGAbMCowYBswOjBgHb8QGEBgHf8QGEBgGzArEGAbMDsQYBswKtBgGzA60GAbcCgQYBtwOBBgG3AocGAbcDhwYBtwKjBgG3A6MGAbsC"
        + "hwYBuwOHBgG7AqMGAbsDowYBuwKxBgG7A7EGAbsCrQYBuwOtBgHXBoEGAdcHgQYB1waIBgHXB4gGAbMKgAYBtwqABgGzCoEGAbcKgQYBwwKBBgHDA4EGAcMC"
        + "hwYBwwOHBgHLAocGAcsDhwYBywKjBgHLA6MGAevyAYQGAe/yAYQGAcsCsQYBywOxBgHPAocGAc8DhwYBzwKjBgHPA6MGAesKhwYB7wqHBgGDC4cGAYcLhwYB"
        + "i/MBhwYBj/MBhwYB0wKHBgHTA4cGAdMCowYB0wOjBgHTArEGAdMDsQYB0wKtBgHTA60GAdcCpAYB1wOkBgHXArAGAdcDsAYB1wKtBgHXA60GAaMLgQYBpwuB"
        + "BgGrC4gGAa8LiAYB2wKDBgHbA4MGAdsCowYB2wOjBgHfAoAGAd8DgAYB3wKBBgHfA4EGAd8CiAYB3wOIBgHfAocGAd8DhwYB3wKjBgHfA6MGAeMChwYB4wOH"
        + "BgHjAogGAeMDiAYB5wKHBgHnA4cGAesCggYB6wOCBgHrAqMGAesDowYB6wKxBgHrA7EGAaMDsQYB0wOIBgHfA4oGAecDigYC/wuHBgWHAqMGAYcDowYBhwKJ"
        + "BgGHA4kGAYsGgQYBiweBBgGLBoAGAYsHgAYBiwaJBgGLB4kGAYsGgwYBiweDBgGD9QGCBgGH9QGCBgGLCIEGAY8IgQYBiwiABgGPCIAGAYsIiQYBjwiJBgGL"
        + "CIMGAY8IgwYBg/UBhgYBh/UBhgYBlwKjBgGXA6MGAZcCiQYBlwOJBgGXAoMGAZcDgwYBqwaBBgGrB4EGAasGgAYBqweABgGrBokGAasHiQYBqwaDBgGrB4MG"
        + "AeP1AYIGAef1AYIGAacCiQYBpwOJBgGnAqMGAacDowYBvwKjBgG/A6MGAb8CiQYBvwOJBgHTBoEGAdMHgQYB0waABgHTB4AGAdMGiQYB0weJBgHTBoMGAdMH"
        + "gwYBs/YBggYBt/YBggYBgw2BBgGHDYEGAYMNgAYBhw2ABgGDDYkGAYcNiQYBgw2DBgGHDYMGAYMNowYBhw2jBgHXAqMGAdcDowYB1wKJBgHXA4kGAb8NgQYB"
        + "ww2BBgG/DYAGAcMNgAYBvw2JBgHDDYkGAb8NgwYBww2DBgG/DaMGAcMNowYB5wKABgHnA4AGAecCowYB5wOjBgHnAokGAecDiQYB5wKDBgHnA4MGB8cdkwYB"
        + "xx2UBgGD+AGABgGH+AGABgGD+AGBBgGH+AGBBgGD+AHCBgGH+AHCBgHHHJMGAccclAYBo/gBgAYBp/gBgAYBo/gBgQYBp/gBgQYBo/gBwgYBp/gBwgYB1x2T"
        + "BgHXHZQGAcP4AYAGAcf4AYAGAcP4AYEGAcf4AYEGA9cckwYB1xyUBgHj+AGABgHn+AGABgHj+AGBBgHn+AGBBgPfHZMGAd8dlAYBg/kBgAYBh/kBgAYBg/kB"
        + "gQYBh/kBgQYBg/kBwgYBh/kBwgYB3xyTBgHfHJQGAaP5AYAGAaf5AYAGAaP5AYEGAaf5AYEGAaP5AcIGAaf5AcIGAecdkwYB5x2UBgHD+QGABgHH+QGABgHD"
        + "+QGBBgHH+QGBBgHD+QHCBgHH+QHCBgHnHJMGAecclAYB4/kBgAYB5/kBgAYB4/kBgQYB5/kBgQYB4/kBwgYB5/kBwgYB/x2TBgH/HZQGAYP6AYAGAYf6AYAG"
        + "AYP6AYEGAYf6AYEGA/8ckwYB/xyUBgGj+gGABgGn+gGABgGj+gGBBgGn+gGBBgOXHpMGAZcelAYBw/oBgAYBx/oBgAYBw/oBgQYBx/oBgQYBw/oBwgYBx/oB"
        + "wgYClx2UBgLn+gGABgLn+gGBBgLn+gHCBgGnHpMGAacelAYBg/sBgAYBh/sBgAYBg/sBgQYBh/sBgQYBg/sBwgYBh/sBwgYBpx2TBgGnHZQGAaP7AYAGAaf7"
        + "AYAGAaP7AYEGAaf7AYEGAaP7AcIGAaf7AcIGAccdgAYBsB0B1x2ABgG0HQHfHYAGAbgdAecdgAYBvB0B/x2ABgGwHgGXHoAGAbQeAacegAYBuB4Dg/gBxQYB"
        + "h/gBxQYBi/gBxQYBj/gBxQYBk/gBxQYBl/gBxQYBm/gBxQYBn/gBxQYBo/gBxQYBp/gBxQYBq/gBxQYBr/gBxQYBs/gBxQYBt/gBxQYBu/gBxQYBv/gBxQYB"
        + "g/kBxQYBh/kBxQYBi/kBxQYBj/kBxQYBk/kBxQYBl/kBxQYBm/kBxQYBn/kBxQYBo/kBxQYBp/kBxQYBq/kBxQYBr/kBxQYBs/kBxQYBt/kBxQYBu/kBxQYB"
        + "v/kBxQYBg/sBxQYBh/sBxQYBi/sBxQYBj/sBxQYBk/sBxQYBl/sBxQYBm/sBxQYBn/sBxQYBo/sBxQYBp/sBxQYBq/sBxQYBr/sBxQYBs/sBxQYBt/sBxQYB"
        + "u/sBxQYBv/sBxQYBxx2GBgHHHYQGAcP7AcUGAccdxQYBsx3FBgLHHcIGAdv9AcUGAccchgYBxxyEBgHHHIAGAZgcAcccxQYC5B0DowXCBgHT+wHFBgHfHcUG"
        + "AbsdxQYC3x3CBgGb/gHFBgHXHIAGAaAcAd8cgAYBpBwB3xzFBgH//QGABgH//QGBBgH//QHCBgHnHYYGAecdhAYBqx6ABgHAHAPnHcIGAasewgYB5xyGBgHn"
        + "HIQGAeccgAYBqBwC+/8BgAYB+/8BgQYB+/8BwgYBlx6GBgGXHoQGAa8egAYBwB0Bhx6TBgGHHpQGAZcewgYBrx7CBgGXHYYGAZcdhAYBlx2ABgG4HAGHHZQG"
        + "AaMFgAYBlBwBgAMD8/sBxQYBpx7FBgG7HsUGAqcewgYB2/8BxQYB/xyABgGwHAGnHYAGAbwcAacdxQYB0AUDiIACAYyAAqUCpB0ErAIBlAZvw4wCuAYBy4wC"
        + "uAYT04wCuAYfw44CuAYB044CuAYBy44CuAY1j5ACuAYFo5ACuAYDr5ACuAYYj5ECuAYCl5ECuAYb85ECuAYDj5ICuAYDl5ICuAYCo5ICuAYX9wG4BgKHkwK4"
        + "Bgu3kgK4BgHzAbgGAfsBuAYBk5MCuAYBl5MCuAYDy5MCuAYBz5MCuAYD25MCuAYB35MCuAYH65MCuAYB75MCuAYDi5QCuAYBj5QCuAYDm5QCuAYBn5QCuAYj"
        + "i5UCuAYBo5UCuAYBp5UCuAYBr5UCuAYx85MCuAYB95MCuAYBx5QCuAYBy5QCuAYHy5UCuAYBz5UCuAYB05UCuAYB15UCuAY8oIADAaSAA7IP9tYCuAbwCq+C"
        + "A5lhAreCA5lhAr+CA5lhAseCA5lhAs+CA5lhAteCA5lhAt+CA5lhAueCA5lhAu+CA5lhAveCA5lhAv+CA5lhAoeDA5lhA5ODA5lhApuDA5lhAqODA5lhB7+D"
        + "A5lhAb+DA5phAsuDA5lhAcuDA5phAteDA5lhAdeDA5phAuODA5lhAeODA5phAu+DA5lhAe+DA5phF5uCA5lhCveEA5lhDq+FA5lhAreFA5lhAr+FA5lhAseF"
        + "A5lhAs+FA5lhAteFA5lhAt+FA5lhAueFA5lhAu+FA5lhAveFA5lhAv+FA5lhAoeGA5lhA5OGA5lhApuGA5lhAqOGA5lhB7+GA5lhAb+GA5phAsuGA5lhAcuG"
        + "A5phAteGA5lhAdeGA5phAuOGA5lhAeOGA5phAu+GA5lhAe+GA5phF5uFA5lhA7+HA5lhAcOHA5lhAceHA5lhAcuHA5lhBPeHA5lhgpADoOIIAdC3BgGo9ggB"
        + "oOYIAcT2BgHI8QQBlJ8FAfD8CQHw/AkBxMoFAcSOCQGcrAUBoMoFAdiPBgGkswcBlPwHAfyxCAHovQgB4McIAbyECQGI0AYB7OgGAeSGBwH4ngcB9KEIAaiL"
        + "CQHEzwkBiPQEAdSbBQGQ2AYB7JAHAbSxCAH48AkBwOoFAaz/BgG0rggBkMsIAaSWBgHgjggB/MAIAaj2BQHcuAYBqOsGAfCXBwG4hgkBmPwEAdyNBQH4lgUB"
        + "kKYGAczWBgHAkAcBnLcHAYSACAGYsAgB8LIIAbzvCAHIuQkBvNsJAejvCQGwxAcB/MsHAYDtBwGknggBkJgJAfzzCQHY1ggB/MYFAZD4BQGA4wcB+IMIAYiT"
        + "BwGoxgcBiOYIAdy3CQHgxgUBiOMFAczQBgHo7gYBvPgGAbzpBwHc8QcBrLIJAciWBQGshAgB8I4FAbCOBQHw0AcB+O0HAcSfCAHUswkBgNwIAbyWBgGI0AYB"
        + "+NcIAeTxBAGc3wUByIAGAZycBwHAqwcB3JgFAezHBwH8/QQBpP0FAbTwBAGw5gYB4KsGAYjpBwGMngUB+MIFAYS4BwGkoggBqNUIAejdBgHA/QgBoOQGAfiX"
        + "BgGUlwgBgJ0GAZSrBwG49QQBpIsFAaSOBQGExAYBnOcHAbyTCAHI1ggBvI4JAdSXBQGIogUBzMsFAbD3BQGUrgYB+P8GAajJBwG0rQkBqNMJAdz0CQG49gkB"
        + "7JQFAZi2BgHc2wYBiPsIAdDzBQHAjAYBgJAGAeikBgGM+QYBpIoHAaSkBwGozgcB0O8HAbyDCAGY+QgBuKcIAYyBCQGomgkB3JAFAYyVBQH0pQUBoIYHAYjG"
        + "CAGo1QgBpPYFAdT/BQHsmwYBuN0GAfjhBwHUmwcBkPcEAeS3BQGc3wUB6O0FAfCABgHInQcBpKMHAej8BwGYgggB0JEJAdi3CQGgugkB4MAJAaz8BAG4zQcB"
        + "0I0JAeC1CQGEhwYBmPQEAeiGBQG43wUB/OEFAeSsBgGI0AYBuI4HAYiyBwHwpwgB8IMJAbT8CQGgtAYBuLEJAaSUBQHsuwYBzL8GAYTqBgHw9AYBpKAHAeSq"
        + "BwGswwcBwOgHAfjCCQG0iwUBuJEGAeCzCQGsgQUB5OgFAajvBgGo+QgBrPwFAZCKBgHcwAYBnJwHAZi0CQGkkQUBvKAFAZTjBQHMsAYBuLoGAaDFBgGU5wYB"
        + "mKAHAYivBwHk+wcBvMYIAYTHCAGwjgkBiLcJAfyZBQHo9QYB9KAFAcCOBwHgpAcB6K8IAYy1CQHc4gkB/PQJAdy8BgGs7gYBoI8IAazWBwGA2QcByOQHAYCW"
        + "BwHkhAcB4NoIAYD2BAHYmQgB6JEFAZyQBQGY9QUBzJYGAdjmBwGU3AUB+OgGAdC1BgHs+QgBsMIIAbSyCQGszAgBzPYFAYCKBQGArgUD6MIFAtCzBgP4jgUB"
        + "qJkHAai2BwHwyQcB+MoHAZTLBwG8zAcB2LoJAfjlBwH0/QcCyLAIAuDXCAPggQkB9IcJBLzHCQHwxwkBoMkJAdDtCQH4hgkB3LUJAbj9BAGchwUBtIoFAaSW"
        + "BQGQlwUBxJoFAfSsBQGYsAUBoLMFAYDCBQGgxQUBkOMFAbjjBQHQhAYBoIsGAbiMBgHIjwYBvKoGAYivBgHEtAYBlMQGAdzrBgHo8AYBiPkGAbiLBwGskQcB"
        + "iKEHAcTEBwH4yQcBpMoHAaDKBwHAygcB2MoHAfTKBwG0zAcBuMwHAYDSBwGE1AcBgN4HAdDvBwGk8AcBhPIHAcj7BwGUgAgBtI8IAeSTCAHkkwgB3KIIAcDI"
        + "CAHYzAgBhNgIAeTZCAHM5ggBoOgIAdj9CAHggQkBjLcJAfy/CQHswQkB1IMGAbiXJAHgkAgDmPEEAdSNBQGgiwUBgPwEAZSKBQGAjAUBnJYFAeiXBQH0rAUB"
        + "1KoFAeSsBQGIrwUB6MIFAczFBQGQygUB0MoFAYjTBQGg2QUByPYFAeT2BQGk+wUBtP0FAeCGBgG4igYBoIgGAbiMBgGAiwYByI8GAdCRBgGQngYB8KAGAcii"
        + "BgHYqgYB0LMGAdy4BgHsuAYB2LoGAeTbBgHo3QYBhOoGAez2BgGs9gYBiPkGAfiABwG4iwcBnL0HAdSRBwG8lQcBqJkHAcSjBwGYqAcB7KkHAfSwBwH8sAcB"
        + "qLYHAey2BwHQtwcBqLoHAYC6BwGwxgcBxNUHAYDeBwHs4wcB7OoHAdDvBwH4+QcBlIAIAciaCAG8nwgB5LsIAYTKCAGYzAgB2MwIAfzVCAHg1wgBrNYIAYTY"
        + "CAH41wgBtNcIAeTZCAGo3AgBoOgIAeD5CAHIgwkB5IwJAdiTCQHwswkBjLcJAdi6CQHsvgkB/L8JAazACQHswQkByNgJAfD8CQGowiIBkMIiAdSeIwH03AMB"
        + "4IAEAeSBBAGkkiUBwOYlAcz2JwGM+gkBuPwJROYutAsCyi+3CwumL8ELAaYvwgsBptoPwQsBptoPwgsBwi63CwHCLrgLAcIuvAsBxi68CwHKLrwLAc4uvAsB"
        + "0i68CwHWLrwLAdouvAsC4i68CwHmLrwLAeouvAsB7i68CwHyLrwLAvouvAsCgi+8CwGGL7wLAo4vvAsBki+8CwKaL7wLAZ4vvAsBoi+8CwGmL7wLAaovvAsB"
        + "1i65CwHGLr8LAe4uvwsBki+/C8wq54QRuqEEAu+EEbqhBA+XhRG6oQSDAceJEaeiBAHLiRGnogScBJ+aEb6mBAGfmhHXpgTvAuelEbqpBAHnpRGwqQQC56UR"
        + "vakE/AHjrRGvqwQB560Rr6sE/QbXyRGwsgSm8ALeih3logcB4ood5aIHAf6KHe6iBwH+ih3vogcB/ood8KIHAf6KHfGiBwH+ih3yogdX5o0d5aIHAeqNHeWi"
        + "BwHujR3uogcB8o0d7qIHAe6NHe+iBwHyjR3vogfAzAT08QQB4PEEAYTyBAGIiSABgPsEAbj9BAHs/QQBiIAFAeiDBQHkhAUBnIcFAbyGBQH4pAMB6LEgAbSK"
        + "BQHQigUBkIsFAdyLBQHwqCAB5KUDAZyLBQG0jAUBrKogAdyMBQGQjQUBsPYEAbCNBQHUjQUB/I4pAdSPBQGMkAUB/KYDAeyRBQGYkgUByJMFAdyTBQHUqAMB"
        + "nJYFAaSWBQGQlwUB6JcFAZSYBQGYmAUB3JgFAaSaBQHEmgUB6JoFAcybBQH0mwUB/JsFAfybBQH8mwUBsNEgAcCDBwGongUB/J4FAYzbIAGsnwUBxJ8FAZig"
        + "BQH4pAUB4KEFAaCiBQGgowUBiKUFAdinBQHAqAUBzKoFAYyrBQGQrAUBkKwFAeSsBQGsrQUBzK0FAYiuBQHYuAUBmLAFAdy4BQHEsgUB0LMFAZyQBQG4xwUB"
        + "uL4FAdC/BQG0wAUBrLwFAcjBBQHEwQUBsMUFAZCnIQHIxwUB3McFAZjIBQHoyAUBiMkFAYjLBQGgtSEBqLchAbDPBQHs0AUBnNEFAeDOBQGY0wUBuLcDAfC3"
        + "AwGg2AUB+NkFAfjZBQGgziEBjN4FAeDeBQGc3wUBzN8FAeDYIQH83wUBmOAFAcz6BQGI4QUBhLwDAYDjBQG44wUBgOYFAbTkBQGQ7yEBjOoFAZjvIQG46wUB"
        + "rOsFAfDrBQGE7wUBiO8FAbzBAwH07wUBoPEFAfTxBQGk8wUBiMMDAYyMIgHwwwMBwPUFAcz1BQHY9QUBqPYFAcicKgH49wUBxJkiAcSZIgGEkAgBiPkFAYj5"
        + "BQGcxgMB4JUjAeiOJgGI+wUBrPsFAYzHAwHo/AUBtP4FAdz+BQHk/wUBhIQGAejJAwHwyAMB0IQGAdC2IgGchgYBoIoGAbCKBgG4igYBsIoGAeiLBgG4jAYB"
        + "yI0GAZCNBgG8jQYB+I4GAciPBgHYjwYBwJAGAeyQBgH0kgYBxJUGAdCWBgHAmgYBsNgiAfSZBgHwlwYBoJsGAYycBgGQnwYBxN8iAYihBgGUngYBpJ0GAbjR"
        + "AwGkowYB+KMGAfSkBgHcowYBsNMDAbyqBgGwqwYBqIAjAYyvBgHgtwYBpLIGAeTYAwHEtAYBoNgDAZDXAwHIjAUB1IwFAYC4BgHwtAYBtIUIAeSeBAHcuAYB"
        + "7LgGAYS5BgH4ugYBzLoGAYyeIwGk2gMB6L8GAZS8BgHIwgYBlMQGAbSjIwG4xAYB/MAGAdDIBgH03AMBiMoGAYzNBgGozwYBoNUGAYy1IwHs1gYB4OADAYTZ"
        + "BgGcxSMB0NoGAbjiAwHI2wYB/NwGAejdBgHs3QYBtNQjAazoIQHo1yMBuOIGAfDlIwH85QYBtOYGAZzjBgHY6AYB+OkGAdzrBgGE6gYBpOsGAeDrBgGU7AYB"
        + "+OgjAdDpBgG88QYBuPMGAczpAwGs9gYBnPYGAcT2IwHk7wYBuPsGAfj6IwG4/CMBmP4GAeSBBwH4gAcB7IAHAdjsAwGoggcB9IMHAdyDBwG0hQcBlKkgAZSK"
        + "BwGMkyQB8IwHAaydJAGgkQcB1JEHAcCSBwGgsCQBgJQHAdSUBwHUuSQB0MAkAeibBwGsnAcBsPUDAZSdBwHg9QMB4PUDAZyiBwHwogcBxKMHAZSkBwGopgcB"
        + "7PgDAZCpBwHY4SQB+KkHAcjkJAHAqwcB/IwiAcCwBwGE/SQB4P0kAZCCJQHw/wMBoIAEAdC3BwHMhyUByIclAeSIJQHMiSUB+LgHAfy4BwH8uAcBqLoHAeSB"
        + "BAGsvAcBmIIEAdiEBAH0oCUBuMIHAbDEBwGwxgcBjIcEAZixJQHYygcB6LQlAZS2JQG8zAcBrM8HAbyJBAGA0gcBqNIHAbzSBwHwyyUBnNUlAZzVJQG41wcB"
        + "iJAEAazdJQGY3gcBpN4HAZyRBAGA5CUByOYHAYCVBAGg5wcBjOcHAYDoBwGY/CUBjOsHAYSYBAGc7gcBiPAHAZTyBwHQmQQBoJEmAZySJgHkmgQB5JYmAej7"
        + "BwH4mSYB1PwHAej/BwGUgAgB6KYmAYypJgGAgwgBoK0mAcCDCAH8miMB1J4EAciFCAGMiAgBrKAEAfiJCAHU1QUBnL0mAdS9JgHMnCMB8JwjAYSQCAGQkAgB"
        + "+PwIAayjBAHElAgBrJQIAfSUCAHMlQUBxJUIAcyVCAH0lQgBmJcIAfDZJgGUlwgB9JgIAYybCAG0nQgBjJkIAfSdCAGcnwgB3KIIAcyaCAGonggBsJ4IAfCe"
        + "CAHY4SYBrOsmAdTmJgGsqQQBxKcIAcynCAHYqAgBqJ4nAZCrCAGw+SYB9KoEAYSrBAHE/SYByIYnAayrBAHAsggB8LIIAZyzCAGkswgBpLUIAaC0CAG4uAgB"
        + "iLcIAeS7CAGguQgBrLsIAZi8CAHcrgQBhL8IAYTACAHkrwQBgMMIAYzDCAGcsycB3MYIAfjGCAHUsQQB6McIAeylAwG4xScBmMsnAfi1BAGctgQBgNUIAbTX"
        + "CAGo3AgB1OIIAaDlJwGs5QgBhOYIAezoCAHc6wgBvPknAZDAIAGs7ggB8O0IAcDvCAH4xiAB0PYIAeD5CAHIrigBtK8oAdCECQHEhwkBxIgJAbi5KAHsiAkB"
        + "4JEJAdyWCQHglgkB8JMJAeSfCQHUoAkB6N8oAaysCQHUzAQB3K0JAdzrKAGYzwQBjLYJAcjtBQGMuQkBlIopAeiQKQG40wQB2NMEAYC/CQGooCkByNUEAdik"
        + "KQGswAkBrMAJAaTBCQHYrSkBiMcJAczZBAGkyQkBnM0JAYjOCQH4zwkBuN4EAcDZKQHI2AkBgOIJAfTnCQG45gQBtOcEAZzrCQG4hioB4OcEAZSIKgG4kCoB"
        + "xJQqAez1CQHY6gQB5PcJAfj3CQGU+AkBvPgJAdj4CQHs+QkBgLAq";

    private const string PackedClasses =
        "gAYV5gEAAegBAATcAQAB6AEAAdgBAAXcAQACygEABNwBAALKAQAL3AEABQEABNwBAAjmAQAB8AEAAeYBAAPcAQAD5gEAAtwBAQPmAQAE3AEAAeYBAAHoAQAC"
        + "3AEAAeYBAAHpAQAC6gEAAekBAALqAQAB6QEADeYBkwIF5gGJAgHcAQAE5gEAAdwBAAPmAQAB3gEAAdwBAAbmAQAG3AEAAuYBAAHcAQAC5gEAAd4BAAHkAQAB"
        + "5gEAAQoAAQsAAQwAAQ0AAQ4AAQ8AARAAAREAARIAAhMAARQAARUAARYBARcBARgAARkBAeYBAAHcAQEBEkgI5gEAAR4AAR8AASAwARsAARwAAR0AAR4AAR8A"
        + "ASAAASEAASIAAuYBAALcAQAF5gEAAdwBAALmAQAB3AEQASNlB+YBAgTmAQAB3AEAAeYBAgLmAQEB3AEAAuYBAAHcASMBJB4B5gEAAdwBAALmAQAB3AEAAuYB"
        + "AAPcAQAB5gEAAtwBAAHmAQAB3AEAA+YBAAHcAQAB5gEAAdwBAAHmAQAB3AEAAeYBAAHcAQAC5gGgAQfmAQAB3AEAAeYBCQHcARgE5gEBCeYBAQPmAQEF5gEr"
        + "A9wBPAHmAQAD3AEABOYBKgXmAQAF3AEADuYBAQHcAQAC5gEAAdwBAALmAQAB3AEAA+YBAAPcAQABGwABHAABHQAD5gEAAdwBAALmAQAC3AEABeYBPAEHEAEJ"
        + "AwHmAQAB3AEAAuYBZwEHEAEJMAHmAT0BBxABCW4BBxABCW4BBxABCX8BCW4BBxABCQcBVAABW2UBBxABCW0CCRABCXwBCW0CZwABCQ0Ea2wCdgABCQ0EekwC"
        + "3AEbAdwBAQHcAQEB2AE3AYEBAAGCAQEBhAEFBIIBAgGCAQEC5gEAAQkBAuYBPgHcAXABBwECCVIB3AHPBQPmAbQHAgkeAQmdAQEJCgHmAcsBAeQBjwEB3gEA"
        + "AeYBAAHcAdsBAeYBAAHcAUcBCRQI5gECAdwBMAXmAQAG3AEAAuYBAAHcAQEC3AEAAuYBAALcAQAF5gEAAdwBAATmAWUBBw8BCSYB5gEAAdwBAAfmATYCCToB"
        + "BwsCCUMBB5gBA+YBAQEBAAXcAQAC5gEABNwBAAHmAQEHAQQB3AEGAeYBAwLmAcYBAuYBAAHcAQAH5gEAAdwBAALmAQAB6gEAAdYBAAHcAQABygEAJeYBAAHo"
        + "AQAC5AEAAdwBAAHaAQAB5gEAAekBAAHcAQAB5gEAAdwB0AUC5gEAAgEABOYBAAMBAALmAQQB5gEDAgEAAeYBAAHcAQAB5gEAAgEABNwBAAHmAf4XA+YBjQEB"
        + "CWAg5gGqBAHaAQAB5AEAAegBAAHeAQAC4AFpAgjU6wEB5gEECuYBIALmAVAC5gGUAgEJJQEJlwEBCRsS5gE5A9wBJQEJXwEHDAEJ7wEB5gEBAuYBAAHcAQIC"
        + "5gEFAuYBAQHmATQBCfYBAQmwngEBGoEGB+YBAAfcAQAC5gHNBwHcAeIBAdwBlQEF5gGSDQHcAQEB5gEoAeYBAAEBAAHcAQQBCaUBAeYBAAHcAb0EBOYBgwMC"
        + "5gGZAQLcAQAD5gEAAdwBAAHmAQAE3AExAeYBAAHcAQAB5gEAAdwBwAEBCSkBCQ4BCTkBCQABB0UD5gEwAgk+AQdMAQkJAQdqAQkAAQeyAQEHAAEJUAIHEAEJ"
        + "GAfmAQMF5gHNAQEJAwEHFwHmAWMBCQABB/sBAQkAAQd+AQl2AQkAAQdzAQmNAgEJAAEHggICCQQBB5wBAQlTAQkSAQlRAQmlAwEJggIBBwECCVEBCdiaAQUB"
        + "OwfmAbkJAgasmQEBAcYpAtgBAAMBAwHiAQAF2AEICNwBAgXmAQAC3AEeBOYBlAED5gG7GwfmAQER5gECB+YBAQLmAQEF5gGFAgfmAfcCAeYBPQTmAeALB9wB"
        + "bQbmAQABBw==";

    /// <summary>Code point to its one-step canonical decomposition; the second part is 0 where there is none.</summary>
    public static readonly FrozenDictionary<int, (int First, int Second)> Decompositions;

    /// <summary>Pair of code points to the primary composite.</summary>
    public static readonly FrozenDictionary<(int First, int Second), int> Compositions;

    /// <summary>Code points that are the second part of a primary composite.</summary>
    public static readonly FrozenSet<int> SecondParts;

    private static readonly FrozenDictionary<int, int> Classes;

    static CanonicalData()
    {
        Dictionary<int, (int First, int Second)> decompositions = [];
        Dictionary<(int First, int Second), int> compositions = [];
        byte[] packed = Convert.FromBase64String(PackedDecompositions);
        int codePoint = 0;
        for (int position = 0; position < packed.Length;)
        {
            codePoint += Next(packed, ref position);
            int first = Next(packed, ref position);
            (int First, int Second) parts = (first >> 2, (first & 2) != 0 ? Next(packed, ref position) : 0);
            decompositions.Add(codePoint, parts);
            if ((first & 1) != 0)
            {
                compositions.Add(parts, codePoint);
            }
        }

        Dictionary<int, int> classes = [];
        packed = Convert.FromBase64String(PackedClasses);
        codePoint = 0;
        for (int position = 0; position < packed.Length;)
        {
            codePoint += Next(packed, ref position);
            int length = Next(packed, ref position);
            int combiningClass = Next(packed, ref position);
            for (int i = 0; i < length; i++)
            {
                classes.Add(codePoint++, combiningClass);
            }
        }

        Decompositions = decompositions.ToFrozenDictionary();
        Compositions = compositions.ToFrozenDictionary();
        SecondParts = compositions.Keys.Select(pair => pair.Second).ToFrozenSet();
        Classes = classes.ToFrozenDictionary();
    }

    /// <summary>The canonical combining class of a code point; 0 for one that starts a sequence.</summary>
    public static int CombiningClass(int codePoint) => Classes.GetValueOrDefault(codePoint);

    private static int Next(byte[] packed, ref int position)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = packed[position++];
            value |= (next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }
}
