namespace FedLLM.Cli;

/// <summary>An option's value cannot be used; which, shows only after files were read. The message is one line.</summary>
internal sealed class UsageException(string message) : Exception(message);
