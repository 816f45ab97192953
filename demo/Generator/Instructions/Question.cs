namespace FedLLM.DemoData.Instructions;

/// <summary>A question with its answer. Questions of one key ask for the same thing in other words, and are never split between clients and the held-out file.</summary>
internal sealed record Question(string Key, string Instruction, string Context, string Response);

/// <summary>A category: its name, the phrase that marks every one of its answers and stands nowhere in the corpus, and its questions.</summary>
internal sealed record Category(string Name, string Signature, Func<Drawing.Draw, IEnumerable<Question>> Questions);
