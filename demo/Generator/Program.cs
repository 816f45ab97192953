using System.CommandLine;
using FedLLM.DemoData.Corpus;
using FedLLM.DemoData.Instructions;

Option<ulong> seed = new("--seed") { Description = "Which corpus or dataset: the same seed gives the same bytes on every machine.", DefaultValueFactory = _ => 1 };
Option<int> megabytes = new("--megabytes") { Description = "Size of the corpus in units of 1,000,000 bytes; the last document is whole.", DefaultValueFactory = _ => 10 };
megabytes.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is < 1 or > 1000)
    {
        result.AddError("--megabytes must be between 1 and 1000.");
    }
});
Option<string> corpusFile = new("--out") { Description = "The file to write.", Required = true };
Option<string> dataFolder = new("--out") { Description = "The folder to write.", Required = true };

Command corpus = new("corpus", "Write the text on which the demo's base model is pretrained.") { corpusFile, megabytes, seed };
corpus.SetAction(parsed => Guard(() =>
{
    string path = Path.GetFullPath(parsed.GetValue(corpusFile)!);
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);

    // A torn file must not pass for a corpus: it gets its name when it is whole.
    string partial = path + ".partial";
    long documents;
    using (FileStream stream = File.Create(partial))
    {
        documents = CorpusWriter.Write(stream, parsed.GetValue(seed), parsed.GetValue(megabytes) * 1_000_000L);
    }

    File.Move(partial, path, overwrite: true);
    Console.WriteLine($"{documents} documents, {new FileInfo(path).Length} bytes: {path}");
}));

Command instructions = new("instructions", "Write the demo's instruction dataset: a file for each client, and the held-out questions.") { dataFolder, seed };
instructions.SetAction(parsed => Guard(() =>
{
    Dataset data = Dataset.Make(parsed.GetValue(seed));
    DatasetWriter.Write(data, parsed.GetValue(seed), parsed.GetValue(dataFolder)!);
    Console.WriteLine($"{data.Clients.Count} clients, {data.Clients.Sum(c => c.Count)} samples, {data.HeldOut.Count} held out: {Path.GetFullPath(parsed.GetValue(dataFolder)!)}");
}));

ParseResult command = new RootCommand("Writes the data of FedLLM's demo.") { corpus, instructions }.Parse(args);
int status = command.Invoke();
return command.Errors.Count > 0 ? 2 : status;

static int Guard(Action work)
{
    try
    {
        work();
        return 0;
    }
    catch (Exception error) when (error is IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine($"Cannot write the data: {error.Message} Choose another --out.");
        return 1;
    }
}
