using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Devices;

/// <summary>The devices that a host computes on. A host with another engine brings its own.</summary>
public interface ILearnerDevices
{
    /// <summary>Returns the device that <paramref name="kind"/> means here; of <see cref="DeviceKind.Auto"/>, the best one that works.</summary>
    /// <exception cref="DeviceUnavailableException">There is no such device, or it does not work; the message says what to do.</exception>
    LearnerDevice Find(DeviceKind kind);
}

/// <summary>A device.</summary>
/// <param name="Name">Its name, for people.</param>
/// <param name="Load">Puts a base model on it.</param>
/// <param name="Note">What a person should know, in one line, such as that a GPU is present but unused; or null.</param>
public sealed record LearnerDevice(string Name, Func<DecoderWeights, ILearner> Load, string? Note = null);

/// <summary>A device that an experiment asks for is not there.</summary>
/// <param name="message">One line: the key, what is wrong and what to do.</param>
public sealed class DeviceUnavailableException(string message) : Exception(message);
