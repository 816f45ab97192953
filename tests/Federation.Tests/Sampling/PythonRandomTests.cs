using System.Security.Cryptography;
using System.Text;
using FedLLM.Federation.Sampling;

namespace FedLLM.Federation.Tests.Sampling;

public sealed class PythonRandomTests
{
    [Fact]
    public void NextBits_SeedZero_GivesPythonsWords()
    {
        // random.seed(0); [random.getrandbits(32) for _ in range(3)]
        var random = new PythonRandom(0);
        Assert.Equal([3626764237u, 1654615998u, 3255389356u], Enumerable.Range(0, 3).Select(_ => random.NextBits()));
    }

    [Fact]
    public void NextBits_PastTheFirstTwist_GivesPythonsWord()
    {
        // random.seed(5489); [random.getrandbits(32) for _ in range(1000)][-1]
        var random = new PythonRandom(5489);
        uint[] words = [.. Enumerable.Range(0, 1000).Select(_ => random.NextBits())];
        Assert.Equal(2180146995u, words[^1]);
    }

    // random.seed(t); random.sample(range(n), k), on both sides of the switch from list to set (n = 21 for k = 5, 85 for k = 6 to 21, 277 for k = 22).
    [Theory]
    [InlineData(1, 0, new[] { 0 })]
    [InlineData(21, 0, new[] { 12, 13, 1, 8, 16 })]
    [InlineData(22, 0, new[] { 12, 13, 1, 8, 16 })]
    [InlineData(85, 2, new[] { 7, 11, 10, 46, 21, 39, 32, 77, 27, 4, 74, 20, 55, 50, 65, 47, 56, 64, 34, 75, 3 })]
    [InlineData(86, 2, new[] { 7, 11, 10, 46, 21, 85, 39, 32, 77, 27, 4, 74, 20, 55, 81, 50, 65, 47, 69, 56, 64 })]
    [InlineData(100, 1, new[] { 17, 72, 97, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49, 55, 77, 0, 92, 34, 29 })]
    [InlineData(1000, 3, new[] { 243, 606, 557, 133, 378, 937 })]
    [InlineData(int.MaxValue, 4294967, new[] { 1358802976, 1862899537, 136374144 })]
    public void Sample_KnownDraws_AreMet(int population, int seed, int[] expected)
    {
        Assert.Equal(expected, new PythonRandom((uint)seed).Sample(population, expected.Length));
    }

    [Fact]
    public void Sample_AGridOfNumbers_HasPythonsDigest()
    {
        // for n in range(1, 401, 7): for k in range(1, n + 1, 5): random.seed(n * k); h.update((' '.join(map(str, random.sample(range(n), k))) + '\n').encode())
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int n = 1; n < 401; n += 7)
        {
            for (int k = 1; k <= n; k += 5)
            {
                digest.AppendData(Encoding.ASCII.GetBytes(string.Join(' ', new PythonRandom((uint)(n * k)).Sample(n, k)) + "\n"));
            }
        }

        Assert.Equal("6581637bcf945471d0cb8866b1a478fee32142365ea8dd438e19eac041dda474", Convert.ToHexStringLower(digest.GetHashAndReset()));
    }

    [Fact]
    public void Sample_MoreThanThereAre_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PythonRandom(0).Sample(3, 4));
    }
}
