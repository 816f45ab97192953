using System.Security.Cryptography;
using FedLLM.Engine.Files;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.RunDirectories;

public sealed class FileTensorStoreTests
{
    [Fact]
    public void Put_ThenGet_GivesTheSameTensorsUnderTheirCanonicalHash()
    {
        using var folder = new TemporaryFolder();
        TensorSet tensors = ToyRun.Tensors(1);

        string hash = new FileTensorStore(folder["store"]).Put(tensors);
        TensorSet back = new FileTensorStore(folder["store"]).Get(hash);

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(SafetensorsWriter.ToBytes(tensors))), hash);
        Assert.Equal(tensors.Layout, back.Layout);
        Assert.Equal(tensors.Values, back.Values);
        Assert.Equal([Path.Combine(folder["store"], hash[..2], hash + ".safetensors")], Directory.GetFiles(folder["store"], "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void TryGet_IntoASet_FillsItOrSaysThatItDoesNotFit()
    {
        using var folder = new TemporaryFolder();
        var store = new FileTensorStore(folder["store"]);
        TensorSet tensors = ToyRun.Tensors(1);
        string hash = store.Put(tensors);

        var into = new TensorSet(tensors.Layout);
        Assert.True(store.TryGet(hash, into));
        Assert.Equal(tensors.Values, into.Values);
        Assert.False(store.TryGet(hash, new TensorSet(new TensorLayout([("other", [2])]))));
        Assert.Throws<RunStorageException>(() => store.TryGet(new string('0', 64), into));
    }

    [Fact]
    public void TryGet_ManyOfOneLayout_LeavesLittleGarbage()
    {
        // A header of some 40 kB, which would be a megabyte of garbage were it read as text each time.
        using var folder = new TemporaryFolder();
        var store = new FileTensorStore(folder["store"]);
        var layout = new TensorLayout(Enumerable.Range(0, 400).Select(i => ($"base_model.model.model.layers.{i}.self_attn.q_proj.lora_A.weight", (IReadOnlyList<int>)[2, 3])));
        var tensors = new TensorSet(layout);
        new Span<float>(tensors.Values).Fill(0.5f);
        string hash = store.Put(tensors);
        var into = new TensorSet(layout);
        Assert.True(store.TryGet(hash, into));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            Assert.True(store.TryGet(hash, into));
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10 * 16 * 1024);
        Assert.Equal(tensors.Values, into.Values);
    }

    [Fact]
    public void Get_AnyFlippedBit_IsDetectedAndPutHealsIt()
    {
        using var folder = new TemporaryFolder();
        TensorSet tensors = ToyRun.Tensors(2);
        string hash = new FileTensorStore(folder["store"]).Put(tensors);
        string path = Path.Combine(folder["store"], hash[..2], hash + ".safetensors");
        byte[] whole = File.ReadAllBytes(path);
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] flipped = (byte[])whole.Clone();
            flipped[i] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(path, flipped);
            Assert.Contains("damaged", Assert.Throws<RunStorageException>(() => new FileTensorStore(folder["store"]).Get(hash)).Message, StringComparison.Ordinal);
        }

        Assert.False(new FileTensorStore(folder["store"]).IsWhole(hash));
        Assert.Equal(hash, new FileTensorStore(folder["store"]).Put(tensors));
        Assert.Equal(whole, File.ReadAllBytes(path));
    }

    [Fact]
    public void Get_CutFileOrNone_IsNamed()
    {
        using var folder = new TemporaryFolder();
        var store = new FileTensorStore(folder["store"]);
        string hash = store.Put(ToyRun.Tensors(3));
        string path = Path.Combine(folder["store"], hash[..2], hash + ".safetensors");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..100]);
        Assert.Contains("damaged", Assert.Throws<RunStorageException>(() => store.Get(hash)).Message, StringComparison.Ordinal);
        File.Delete(path);
        Assert.StartsWith($"{path}: is missing.", Assert.Throws<RunStorageException>(() => store.Get(hash)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../../../etc/passwd")]
    [InlineData("ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789")]
    public void Get_NotAHash_IsRefused(string hash)
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<ArgumentException>(() => new FileTensorStore(folder["store"]).Get(hash));
    }

    [Fact]
    public void Put_FromManyThreads_StoresEachOnce()
    {
        using var folder = new TemporaryFolder();
        var store = new FileTensorStore(folder["store"]);

        Parallel.For(0, 64, i => store.Put(ToyRun.Tensors((uint)(i % 4))));

        Assert.Equal(4, store.Hashes.Count);
        Assert.Equal(4, Directory.GetFiles(folder["store"], "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Constructor_UnfinishedFiles_AreClearedAway()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["store/ab"]);
        File.WriteAllText(folder["store/ab/x.safetensors.1.tmp"], "half");

        Assert.Empty(new FileTensorStore(folder["store"]).Hashes);

        Assert.False(File.Exists(folder["store/ab/x.safetensors.1.tmp"]));
    }
}
