using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>What a client answers when it is asked to train. Each answer says for which question it is, so that one that comes late or twice is recognized.</summary>
/// <param name="Round">The round it was asked to train.</param>
/// <param name="StateHash">The global state it was asked to start from.</param>
public abstract record TrainingAnswer(int Round, string StateHash);

/// <summary>Its update is stored.</summary>
/// <param name="Round">The round it was asked to train.</param>
/// <param name="StateHash">The global state it was asked to start from.</param>
/// <param name="Receipt">What it stored.</param>
public sealed record UpdateStored(int Round, string StateHash, ClientReceipt Receipt) : TrainingAnswer(Round, StateHash);

/// <summary>It trains, or waits for its device; it should be asked again.</summary>
/// <param name="Round">The round it was asked to train.</param>
/// <param name="StateHash">The global state it was asked to start from.</param>
public sealed record StillTraining(int Round, string StateHash) : TrainingAnswer(Round, StateHash);

/// <summary>It cannot train this round, and asking again would not change that.</summary>
/// <param name="Round">The round it was asked to train.</param>
/// <param name="StateHash">The global state it was asked to start from.</param>
/// <param name="Reason">Why, in one line, without content of its data.</param>
public sealed record TrainingRefused(int Round, string StateHash, string Reason) : TrainingAnswer(Round, StateHash);
