using System.IO.Enumeration;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Files;

/// <summary>Finds the files that a path, a folder with a pattern, or a glob names.</summary>
public static class DataFiles
{
    private static readonly string[] Endings = [".json", ".jsonl"];
    private static readonly string[] HeldOutWords = ["test", "eval", "val", "evaluation", "validation"];
    private static readonly string[] TrainingWords = ["train", "training"];

    /// <summary>Finds shards, in natural numeric order of their names.</summary>
    /// <param name="path">A file, a folder, or a glob whose last part holds <c>*</c> or <c>?</c>.</param>
    /// <param name="pattern">In a folder: which files are meant. Without it, everything in the folder must be a shard (names that begin with a dot aside).</param>
    /// <exception cref="InputFileException">
    /// Nothing is found; the folder holds something else and there is no pattern; a file is named test, eval or val (as a word of its stem), which is for
    /// held-out data; or two files have the same stem.
    /// </exception>
    public static IReadOnlyList<string> FindShards(string path, string? pattern = null)
    {
        IReadOnlyList<string> files = Search(path, pattern, everythingElseRefused: true);
        RefuseHeldOut(files);
        for (int i = 1; i < files.Count; i++)
        {
            if (Stem(files[i]) == Stem(files[i - 1]))
            {
                throw new InputFileException(files[i], null, $"{Path.GetFileName(files[i - 1])} has the same stem, and stems name the clients", "Keep one of them");
            }
        }

        return files;
    }

    /// <summary>Finds the files of a dataset that is still to be cut into shards, in natural numeric order of their names.</summary>
    /// <param name="path">A file, which may have any name; or a folder or a glob, where held-out names are refused as in <see cref="FindShards"/>.</param>
    /// <param name="pattern">In a folder: which files are meant; without it, every JSON or JSONL file.</param>
    /// <exception cref="InputFileException">Nothing is found, or a file in a folder is named test, eval or val.</exception>
    public static IReadOnlyList<string> FindDataset(string path, string? pattern = null)
    {
        IReadOnlyList<string> files = Find(path, pattern);
        if (!File.Exists(path))
        {
            RefuseHeldOut(files);
        }

        return files;
    }

    /// <summary>Finds files of any role, such as held-out data, in natural numeric order of their names.</summary>
    /// <param name="path">A file, a folder (then every JSON or JSONL file in it), or a glob whose last part holds <c>*</c> or <c>?</c>.</param>
    /// <param name="pattern">In a folder: which files are meant.</param>
    /// <exception cref="InputFileException">Nothing is found.</exception>
    public static IReadOnlyList<string> Find(string path, string? pattern = null) => Search(path, pattern, everythingElseRefused: false);

    /// <summary>Returns a file's name without its folder and without <c>.json</c>, <c>.jsonl</c> and <c>.gz</c>.</summary>
    public static string Stem(string file)
    {
        string name = Path.GetFileName(file);
        name = WithoutEnding(name, ".gz");
        foreach (string ending in Endings)
        {
            if (name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            {
                return WithoutEnding(name, ending);
            }
        }

        return name;
    }

    /// <summary>Returns the word of a file's stem that marks it as held-out data (<c>test</c> in <c>global_test.json</c>), or null.</summary>
    public static string? HeldOutWord(string file)
    {
        ReadOnlySpan<char> stem = Stem(file);
        while (!stem.IsEmpty)
        {
            int letters = 0;
            while (letters < stem.Length && char.IsLetter(stem[letters]))
            {
                letters++;
            }

            string word = stem[..letters].ToString().ToLowerInvariant();
            if (HeldOutWords.Contains(word))
            {
                return word;
            }

            stem = stem[Math.Min(letters + 1, stem.Length)..];
        }

        return null;
    }

    /// <summary>
    /// Returns what a client's name and the stem of its held-out file have in common: the words and numbers of <paramref name="name"/> without those that say what
    /// the data is for (train, training, test, eval, val, evaluation, validation), joined by '_'. <c>local_training_7</c> and <c>local_eval_7</c> both give <c>local_7</c>.
    /// </summary>
    public static string OwnerKey(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var words = new List<string>();
        int start = 0;
        for (int i = 0; i <= name.Length; i++)
        {
            if (i == name.Length || !char.IsLetterOrDigit(name[i]))
            {
                string word = name[start..i];
                if (word.Length > 0 && !HeldOutWords.Concat(TrainingWords).Contains(word, StringComparer.OrdinalIgnoreCase))
                {
                    words.Add(word);
                }

                start = i + 1;
            }
        }

        return string.Join('_', words);
    }

    private static void RefuseHeldOut(IReadOnlyList<string> files)
    {
        foreach (string file in files)
        {
            if (HeldOutWord(file) is string word)
            {
                throw new InputFileException(
                    file,
                    null,
                    $"its name says '{word}': it is held-out data, not for training",
                    "Narrow data.pattern to the training files, or name it under evaluation.data");
            }
        }
    }

    private static IReadOnlyList<string> Search(string path, string? pattern, bool everythingElseRefused)
    {
        if (File.Exists(path))
        {
            return pattern is null
                ? [path]
                : throw new InputFileException(path, null, "it is a file, and data.pattern needs a folder", "Remove data.pattern or name the folder");
        }

        string folder = path;
        if (!Directory.Exists(path))
        {
            string last = Path.GetFileName(path);
            if (!IsGlob(last))
            {
                throw new InputFileException(path, null, "there is no such file or folder", "Check the path");
            }

            if (pattern is not null)
            {
                throw new InputFileException(path, null, "it is a glob, and there is data.pattern beside it", "Keep one of them");
            }

            folder = Path.GetDirectoryName(path) is { Length: > 0 } parent ? parent : ".";
            pattern = last;
            if (!Directory.Exists(folder))
            {
                throw new InputFileException(folder, null, "there is no such folder", "Check the path; only its last part may hold * or ?");
            }
        }

        List<string> files = List(folder, pattern, everythingElseRefused && pattern is null);
        return files.Count > 0
            ? files
            : throw new InputFileException(
                folder,
                null,
                pattern is null ? "the folder holds no JSON or JSONL file" : $"no file in the folder matches {pattern}",
                "Check data.path and data.pattern");
    }

    private static List<string> List(string folder, string? pattern, bool everythingElseRefused)
    {
        var files = new List<string>();
        try
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(folder))
            {
                string name = Path.GetFileName(entry);
                bool isFile = File.Exists(entry);
                bool isMeant = isFile && (pattern is null ? !name.StartsWith('.') && IsData(name) : FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));
                if (isMeant)
                {
                    files.Add(entry);
                }

                if (everythingElseRefused && !name.StartsWith('.') && (!isMeant || HeldOutWord(name) is not null))
                {
                    throw new InputFileException(folder, null, $"the folder holds {name}, which is no shard", "Set data.pattern to the shards, such as 'local_*.json.gz'");
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(folder, null, "the folder cannot be listed", "Check its permissions", e);
        }

        files.Sort((a, b) => NaturalOrder.Comparer.Compare(Stem(a), Stem(b)) is not 0 and int order ? order : string.CompareOrdinal(a, b));
        return files;
    }

    private static bool IsGlob(string name) => name.Contains('*') || name.Contains('?');

    private static bool IsData(string name)
    {
        string plain = WithoutEnding(name, ".gz");
        return Endings.Any(e => plain.EndsWith(e, StringComparison.OrdinalIgnoreCase));
    }

    private static string WithoutEnding(string name, string ending) =>
        name.EndsWith(ending, StringComparison.OrdinalIgnoreCase) ? name[..^ending.Length] : name;
}
