using System.Buffers.Binary;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Files;

/// <summary>Thousands of damaged files: each is read, or refused by a one-line <see cref="InputFileException"/>, with memory bounded by the file and not by a number in it.</summary>
public sealed class FileFuzzTests
{
    /// <summary>A configuration may ask for 1024 layers; their tensors' names are listed before the weights are found wanting.</summary>
    private const long ConfigBound = 16 << 20;

    private static readonly LoraConfig Lora = new(2, 4, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Down });

    [Fact]
    public void Safetensors_MutatedBytes_GivesValuesOrATypedError()
    {
        byte[] whole = Mixed();
        for (int i = 0; i < 6000; i++)
        {
            byte[] bytes = i % 3 == 0 ? Mutation.ChangeDigit(whole, i, 1, end: HeaderEnd(whole)) : Mutation.Apply(whole, i, 1);
            Check(i, 200_000 + (64L * bytes.Length), () => ReadEverything(bytes));
        }
    }

    [Fact]
    public void Safetensors_MutatedHeaderOfTrueLength_GivesValuesOrATypedError()
    {
        // The length is corrected, so that the damage reaches the JSON and the numbers in it.
        byte[] whole = Mixed();
        byte[] header = whole[8..HeaderEnd(whole)];
        for (int i = 0; i < 6000; i++)
        {
            byte[] damaged = Mutation.Apply(header, i, 2);
            byte[] length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, damaged.Length);
            byte[] bytes = [.. length, .. damaged, .. whole[HeaderEnd(whole)..]];
            Check(i, 200_000 + (64L * bytes.Length), () => ReadEverything(bytes));
        }
    }

    [Fact]
    public void ModelConfig_MutatedBytes_GivesAConfigOrATypedError()
    {
        using var folder = new TemporaryFolder();
        ModelDirectory.Save(folder.Path, SmallModel.Make(SmallModel.Qwen2));
        byte[] whole = File.ReadAllBytes(folder.File("config.json"));
        for (int i = 0; i < 6000; i++)
        {
            byte[] bytes = i % 3 == 0 ? Mutation.ChangeDigit(whole, i, 3, whole.Length) : Mutation.Apply(whole, i, 3);
            Check(i, 200_000 + (64L * bytes.Length), () => ModelConfigFile.Parse(JsonFields.Parse("config.json", bytes)));
        }
    }

    [Fact]
    public void ModelFolder_MutatedConfigIndexOrWeights_GivesAModelOrATypedError()
    {
        using var folder = new TemporaryFolder();
        ModelDirectoryTests.Shard(folder);
        string[] names = ["config.json", "generation_config.json", "model.safetensors.index.json", "part-1.safetensors"];
        foreach (string name in names)
        {
            byte[] whole = File.ReadAllBytes(folder.File(name));
            for (int i = 0; i < 400; i++)
            {
                folder.Write(name, i % 2 == 0 ? Mutation.Apply(whole, i, 4) : Mutation.ChangeDigit(whole, i, 4, Math.Min(whole.Length, 700)));
                Check(i, ConfigBound, () => ModelDirectory.Load(folder.Path));
            }

            folder.Write(name, whole);
        }

        Assert.NotNull(ModelDirectory.Load(folder.Path));
    }

    [Fact]
    public void Adapter_MutatedConfigOrWeights_GivesAnAdapterOrATypedError()
    {
        using var folder = new TemporaryFolder();
        PeftAdapter.Save(folder.Path, Lora, SmallModel.Adapter(SmallModel.Llama, Lora), "base");
        byte[] config = File.ReadAllBytes(folder.File("adapter_config.json"));
        byte[] weights = File.ReadAllBytes(folder.File("adapter_model.safetensors"));
        for (int i = 0; i < 6000; i++)
        {
            byte[] badConfig = i % 2 == 0 ? Mutation.Apply(config, i, 5) : config;
            byte[] badWeights = i % 2 == 1 ? i % 4 == 1 ? Mutation.Apply(weights, i, 5) : Mutation.ChangeDigit(weights, i, 5, HeaderEnd(weights)) : weights;
            Check(i, ConfigBound, () =>
            {
                using var file = SafetensorsFile.FromMemory(badWeights);
                new AdapterReader(file, PeftConfigFile.Parse(JsonFields.Parse("adapter_config.json", badConfig)), i % 3 == 0 ? SmallModel.Llama : null).Read();
            });
        }
    }

    [Fact]
    public void Mutation_OfAGoodFile_BothPassesAndFails()
    {
        // The fuzz above would be worth nothing if every case were refused at the first byte, or none.
        byte[] whole = Mixed();
        int refused = 0;
        for (int i = 0; i < 500; i++)
        {
            try
            {
                ReadEverything(Mutation.Apply(whole, i, 1));
            }
            catch (InputFileException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 250, 499);
    }

    private static void Check(int number, long bound, Action read)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            read();
        }
        catch (InputFileException e)
        {
            Assert.False(e.Message.Contains('\n', StringComparison.Ordinal), $"case {number}: more than one line");
            Assert.True(e.Message.Length < 2000, $"case {number}: {e.Message.Length} characters");
        }
        catch (Exception e)
        {
            Assert.Fail($"case {number}: {e}");
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < bound, $"case {number}: {allocated} bytes allocated, at most {bound} expected");
    }

    private static void ReadEverything(byte[] bytes)
    {
        using var file = SafetensorsFile.FromMemory(bytes);
        foreach (SafetensorsEntry entry in file.Entries)
        {
            if (entry.Type.IsFloat())
            {
                file.ReadFloat32(entry.Name);
            }
            else if (entry.Type == TensorType.I64)
            {
                file.ReadInt64(entry.Name);
            }
            else
            {
                file.ReadRaw(entry.Name, new byte[entry.ByteCount]);
            }
        }
    }

    private static int HeaderEnd(byte[] file) => 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);

    /// <summary>A file with a tensor of each type.</summary>
    private static byte[] Mixed()
    {
        var entries = new List<string> { "\"__metadata__\":{\"format\":\"pt\"}" };
        int at = 0;
        foreach (TensorType type in Enum.GetValues<TensorType>())
        {
            entries.Add(Bytes.Entry($"layer.{type}", type.ToString(), "[2,3]", at, at + (6 * type.ByteSize())));
            at += 6 * type.ByteSize();
        }

        var random = new CounterRandom(9, RandomPurpose.DataGeneration);
        return Bytes.Safetensors("{" + string.Join(',', entries) + "}", [.. Enumerable.Range(0, at).Select(i => (byte)random.Bits((ulong)i))]);
    }
}
