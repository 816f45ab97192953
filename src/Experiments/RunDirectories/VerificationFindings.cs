namespace FedLLM.Experiments.RunDirectories;

/// <summary>What the checks of a run directory have found so far.</summary>
internal sealed class VerificationFindings(IRunFiles files)
{
    /// <summary>What is damaged or missing, a line each.</summary>
    public List<string> Damage { get; } = [];

    /// <summary>What an interruption left, a line each.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>How many files were found whole.</summary>
    public int Files { get; private set; }

    /// <summary>Their length together.</summary>
    public long Bytes { get; private set; }

    /// <summary>Counts a file that is whole.</summary>
    public void Whole(long length)
    {
        Files++;
        Bytes += length;
    }

    /// <summary>Counts a file that is whole.</summary>
    public void Whole(string path)
    {
        using Stream stream = files.OpenRead(path);
        Whole(stream.Length);
    }
}
