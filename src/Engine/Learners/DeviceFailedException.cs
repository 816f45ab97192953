namespace FedLLM.Engine.Learners;

/// <summary>
/// A device does not compute any more: its driver or its memory is faulty, or it was taken away. What was on it is lost, and asking it again does not help; the same work
/// may be done elsewhere. That a device's memory is too small is no failure of the device.
/// </summary>
/// <param name="device">The device's name.</param>
/// <param name="reason">What the engine says, in one line.</param>
/// <param name="innerException">What it threw.</param>
public sealed class DeviceFailedException(string device, string reason, Exception? innerException = null)
    : Exception($"the device {device} has failed: {reason}", innerException)
{
    /// <summary>The device's name.</summary>
    public string Device => device;
}
