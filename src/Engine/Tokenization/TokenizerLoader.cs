namespace FedLLM.Engine.Tokenization;

/// <summary>Loads the tokenizer of a model directory, or of a file. A host that can read more than <see cref="TokenizerDirectory"/> brings its own.</summary>
/// <param name="path">The directory or the file.</param>
/// <exception cref="Files.InputFileException">Nothing is there, or what is there is damaged or not supported.</exception>
public delegate ITokenizer TokenizerLoader(string path);
