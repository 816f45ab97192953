using System.Security.Cryptography;
using System.Text;
using FedLLM.Data.Files;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Tests.Files;

public sealed class DataFingerprintTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Compute_TwoFiles_HashesNamesAndDigestsInOrder()
    {
        string a = _folder.Write("a.json", "[1]");
        string b = _folder.Write("bb.json", "");
        byte[] message =
        [
            6, 0, 0, 0, .. "a.json"u8, .. SHA256.HashData(Encoding.UTF8.GetBytes("[1]")),
            7, 0, 0, 0, .. "bb.json"u8, .. SHA256.HashData([]),
        ];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(message)), DataFingerprint.Compute([a, b]));
        Assert.NotEqual(DataFingerprint.Compute([a, b]), DataFingerprint.Compute([b, a]));
    }

    [Fact]
    public void Compute_MissingFile_NamesIt() =>
        Assert.Throws<InputFileException>(() => DataFingerprint.Compute([Path.Combine(_folder.Path, "absent.json")]));
}
