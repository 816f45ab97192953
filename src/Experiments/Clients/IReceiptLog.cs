using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>Remembers which clients of an unfinished round have stored their updates, so that nobody trains twice for one round.</summary>
public interface IReceiptLog
{
    /// <summary>Returns a client's receipt for exactly this instruction, where its update is stored and whole; null otherwise.</summary>
    ClientReceipt? FindReceipt(RoundInstruction instruction, int client);

    /// <summary>Notes, durably, that a client's update is stored.</summary>
    void RecordReceipt(RoundInstruction instruction, ClientReceipt receipt);
}
