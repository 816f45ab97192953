using FedLLM.Engine.Tokenization;

namespace FedLLM.Experiments.Devices;

/// <summary>A device that a silo trains on, with a queue of its own.</summary>
/// <param name="Name">Its name: <c>cpu</c>, <c>cuda:1</c>.</param>
/// <param name="Kind">What experiments call its kind (<c>model.device</c>): <c>cpu</c>, <c>cuda</c>.</param>
/// <param name="Devices">Loads base models onto this device alone, whichever of its kind an experiment asks for.</param>
public sealed record TrainingDevice(string Name, string Kind, ILearnerDevices Devices);

/// <summary>The devices that a silo may train on. A host with another engine brings its own.</summary>
public interface ITrainingDevices
{
    /// <summary>Loads the tokenizers of models.</summary>
    TokenizerLoader Tokenizers => TokenizerDirectory.Load;

    /// <summary>The kinds there may be.</summary>
    IReadOnlyList<string> Kinds { get; }

    /// <summary>Returns the devices that a setting names: all of a kind (<c>cuda</c>), or one (<c>cuda:1</c>).</summary>
    /// <exception cref="DeviceUnavailableException">There is none; the message says why.</exception>
    IReadOnlyList<TrainingDevice> Find(string name);
}

/// <summary>The CPU engine alone, one device.</summary>
public sealed class CpuTrainingDevices : ITrainingDevices
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Kinds { get; } = ["cpu"];

    /// <inheritdoc/>
    public IReadOnlyList<TrainingDevice> Find(string name) => name == "cpu"
        ? [new TrainingDevice(name, name, CpuDevices.OfThisMachine())]
        : throw new DeviceUnavailableException($"there is no device {name}: the CPU engine has one, cpu");
}
