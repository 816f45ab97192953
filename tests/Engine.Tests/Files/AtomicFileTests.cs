using System.Runtime.Versioning;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tests.Files;

[UnsupportedOSPlatform("windows")]
public sealed class AtomicFileTests
{
    [Fact]
    public void Write_WriterFails_KeepsTheOldFileAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.txt", "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new InvalidOperationException("stop");
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["a.txt"], folder.FileNames());
    }

    [Fact]
    public void WriteAll_SecondWriterFails_LeavesNoFileAndNoFolder()
    {
        using var folder = new TemporaryFolder();
        string inner = folder.File("x/y");
        Assert.Throws<InputFileException>(() => AtomicFile.WriteAll(inner, ("a", s => s.Write("a"u8)), ("b", _ => throw new IOException("No space left on device"))));
        Assert.Empty(folder.FileNames());
    }

    [Fact]
    public void WriteAll_AbsentFolder_IsMade()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteAll(folder.File("x/y"), ("a", s => s.Write("1"u8)), ("b", s => s.Write("2"u8)));
        Assert.Equal("1", File.ReadAllText(folder.File("x/y/a")));
        Assert.Equal("2", File.ReadAllText(folder.File("x/y/b")));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.File("x/y")).Length);
    }

    [Fact]
    public void Write_ReaderOfTheOldFile_SeesTheOldContent()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.txt", "old");
        using FileStream reader = File.OpenRead(path);
        AtomicFile.Write(path, stream => stream.Write("new content"u8));
        using var text = new StreamReader(reader);
        Assert.Equal("old", text.ReadToEnd());
        Assert.Equal("new content", File.ReadAllText(path));
    }

    [SkippableFact]
    public void Write_FolderWithoutPermission_IsAOneLineError()
    {
        Skip.If(Environment.IsPrivilegedProcess, "The superuser may write everywhere.");
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            AssertOneLine(() => AtomicFile.Write(folder.File("a"), s => s.WriteByte(1)), "permission denied");
            AssertOneLine(() => AtomicFile.WriteAll(folder.File("x/y"), ("a", s => s.WriteByte(1))), "permission denied");
        }
        finally
        {
            File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void Write_ImpossiblePlaces_AreOneLineErrors()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("file", "x");
        Directory.CreateDirectory(folder.File("taken"));
        AssertOneLine(() => AtomicFile.Write(folder.File("none/a"), s => s.WriteByte(1)), "its folder does not exist");
        AssertOneLine(() => AtomicFile.WriteAll(file, ("a", s => s.WriteByte(1))), "cannot be written");
        AssertOneLine(() => AtomicFile.WriteAll(Path.Combine(file, "x"), ("a", s => s.WriteByte(1))), "a part of its path is a file");
        AssertOneLine(() => AtomicFile.Write(folder.File("taken"), s => s.WriteByte(1)), "taken");
        Assert.Equal(["file", "taken"], folder.FileNames());
    }

    [SkippableFact]
    public void Write_FullDisk_IsAOneLineError()
    {
        Skip.IfNot(File.Exists("/dev/full"), "No /dev/full here.");
        using var folder = new TemporaryFolder();
        AssertOneLine(
            () => AtomicFile.Write(folder.File("a"), _ =>
            {
                using FileStream full = File.OpenWrite("/dev/full");
                full.WriteByte(1);
                full.Flush();
            }),
            "cannot be written");
        Assert.Empty(folder.FileNames());
    }

    private static void AssertOneLine(Action action, string part)
    {
        InputFileException e = Assert.Throws<InputFileException>(action);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}
