using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Devices;

/// <summary>The devices that a host computes on. A host with another engine brings its own.</summary>
public interface ILearnerDevices
{
    /// <summary>Returns the device that <paramref name="kind"/> means here; of <see cref="DeviceKind.Auto"/>, the best one that works.</summary>
    /// <param name="kind">What was asked for.</param>
    /// <param name="key">Where: <c>model.device</c> or <c>--device</c>, for messages.</param>
    /// <exception cref="DeviceUnavailableException">There is no such device, or it does not work; the message says what to do.</exception>
    LearnerDevice Find(DeviceKind kind, string key = "model.device");
}

/// <summary>A device.</summary>
/// <param name="Name">Its name, for people.</param>
/// <param name="Load">Puts a base model on it, quantised as asked.</param>
/// <param name="Note">What a person should know, in one line, such as that a GPU is present but unused; or null.</param>
public sealed record LearnerDevice(string Name, Func<DecoderWeights, WeightQuantization, ILearner> Load, string? Note = null)
{
    /// <summary>The CPU engine, which keeps base weights as they are.</summary>
    public static LearnerDevice Cpu(string? note) => new("cpu", (weights, _) => new CpuLearner(weights), note) { Quantizes = false };

    /// <summary>Whether it can keep base weights quantised.</summary>
    public bool Quantizes { get; init; } = true;

    /// <summary>Checks that it can keep base weights as asked.</summary>
    /// <param name="quantization">What was asked for.</param>
    /// <param name="key">Where: <c>model.quantization</c> or <c>--quantization</c>.</param>
    /// <exception cref="DeviceUnavailableException">It cannot; the message says what to do.</exception>
    public LearnerDevice Require(WeightQuantization quantization, string key = "model.quantization") => quantization == WeightQuantization.None || Quantizes
        ? this
        : throw new DeviceUnavailableException(
            $"{key} is {DeviceNames.Of(quantization)}, but the CPU engine keeps base weights as float32 or bfloat16 alone. Leave it out, set model.dtype to bfloat16, or use fedllm-torch with a GPU (docs/gpu.md)");
}

/// <summary>A device that an experiment asks for is not there, or cannot do what it asks for.</summary>
/// <param name="message">One line: the key, what is wrong and what to do.</param>
public sealed class DeviceUnavailableException(string message) : Exception(message);
