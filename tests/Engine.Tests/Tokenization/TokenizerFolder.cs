using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>A folder with tokenizer files, deleted afterwards.</summary>
internal sealed class TokenizerFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("fedllm-tokenizer-").FullName;

    public TokenizerFolder With(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return this;
    }

    public TokenizerFolder With(string name, string content)
    {
        System.IO.File.WriteAllText(File(name), content);
        return this;
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public ITokenizer Load() => TokenizerDirectory.Load(Path);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
