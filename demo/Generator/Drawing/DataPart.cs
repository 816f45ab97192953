namespace FedLLM.DemoData.Drawing;

/// <summary>Which part of the data a stream is for. The numbers are part of the data's identity: append, never renumber.</summary>
internal enum DataPart
{
    /// <summary>One document of the pretraining corpus.</summary>
    Document = 1,

    /// <summary>The open-ended questions of one category.</summary>
    Questions = 2,

    /// <summary>Which questions of a category are held out, and the order of the others.</summary>
    Deal = 3,

    /// <summary>Which categories and how many samples each client holds.</summary>
    Clients = 4,

    /// <summary>The order of one client's samples.</summary>
    Order = 5,
}
