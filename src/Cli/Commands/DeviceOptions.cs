using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Commands;

/// <summary>Where a command computes that no experiment file tells: <c>--device</c> and <c>--quantization</c>.</summary>
internal sealed class DeviceOptions
{
    private const string DeviceKey = "--device";
    private const string QuantizationKey = "--quantization";

    private readonly Option<string?> _device = CommandOptions.Choice<string>(
        DeviceKey, "Where it computes; auto is the best device that works.", [.. DeviceNames.Kinds.Select(k => k.Name)], name => name, [], "auto");

    private readonly Option<string?> _quantization = CommandOptions.Choice<string>(
        QuantizationKey, "How the device keeps base weights.", [.. DeviceNames.Quantizations.Select(q => q.Name)], name => name, [], "none");

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_device);
        command.Options.Add(_quantization);
    }

    /// <summary>Returns the device that was asked for.</summary>
    /// <exception cref="DeviceUnavailableException">It is not there, or cannot quantise.</exception>
    public ChosenDevice Find(ParseResult parsed, Terminal terminal)
    {
        WeightQuantization quantization = DeviceNames.Quantizations.First(q => q.Name == parsed.GetValue(_quantization)).Value;
        LearnerDevice device = terminal.Devices.Find(DeviceNames.Kinds.First(k => k.Name == parsed.GetValue(_device)).Value, DeviceKey);
        return new ChosenDevice(device.Require(quantization, QuantizationKey), quantization, terminal);
    }

    /// <summary>Says which device computes, with which engine, and what else a person should know of it.</summary>
    public static void Tell(Terminal terminal, LearnerDevice device, string numerics)
    {
        terminal.Error.WriteLine($"device: {device.Name} ({numerics})");
        if (device.Note is not null)
        {
            terminal.Error.WriteLine(device.Note);
        }
    }
}

/// <summary>A device as a command line asks for it.</summary>
/// <param name="Device">The device.</param>
/// <param name="Quantization">How it keeps base weights.</param>
/// <param name="Terminal">Where its name is told.</param>
internal sealed record ChosenDevice(LearnerDevice Device, WeightQuantization Quantization, Terminal Terminal)
{
    /// <summary>Puts a base model on it and says where it computes.</summary>
    public ILearner Load(DecoderWeights weights)
    {
        ILearner learner = Device.Load(weights, Quantization);
        DeviceOptions.Tell(Terminal, Device, learner.Numerics);
        return learner;
    }
}
