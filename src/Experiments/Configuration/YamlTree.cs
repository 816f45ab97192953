using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace FedLLM.Experiments.Configuration;

/// <summary>
/// Reads untrusted YAML into <see cref="SourceNode"/>s. Of YAML it takes mappings, sequences and scalars; anchors, aliases, tags and several
/// documents are refused, and size, depth and number of values are bounded.
/// </summary>
internal static class YamlTree
{
    /// <summary>Largest file read, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxDepth = 16;
    private const int MaxNodes = 20_000;

    /// <summary>Reads one document.</summary>
    /// <exception cref="ExperimentFileException">The bytes are not UTF-8, not YAML, or use what is refused.</exception>
    public static MappingNode Read(ReadOnlySpan<byte> bytes, string file)
    {
        if (bytes.Length > MaxBytes)
        {
            throw Error(file, 0, $"is {bytes.Length} bytes long; an experiment file has at most {MaxBytes}");
        }

        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException)
        {
            throw Error(file, 0, "is not UTF-8 text; save it as UTF-8");
        }

        return new Reading(new Parser(new StringReader(text)), file).Document();
    }

    private static ExperimentFileException Error(string file, int line, string message) =>
        new([new ExperimentFileError(file, line, string.Empty, message)]);

    private sealed class Reading(Parser parser, string file)
    {
        private int _nodes;
        private int _line = 1;

        public MappingNode Document()
        {
            Expect<StreamStart>();
            if (Next() is not DocumentStart)
            {
                throw Error(file, 0, "is empty; an experiment needs at least model.path and data.path");
            }

            SourceNode root = Node(Next(), 0);
            Expect<DocumentEnd>();
            if (Next() is not StreamEnd)
            {
                throw Error(file, _line, "holds a second document; keep one per file");
            }

            return root switch
            {
                MappingNode mapping => mapping,
                ScalarNode { Text.Length: 0, Quoted: false } => throw Error(file, 0, "is empty; an experiment needs at least model.path and data.path"),
                _ => throw Error(file, root.Line, "must hold keys with values (such as seed: 2023) at the top"),
            };
        }

        private SourceNode Node(ParsingEvent parsed, int depth)
        {
            if (parsed is AnchorAlias)
            {
                throw Error(file, _line, "uses an alias (*); write the value out");
            }

            if (parsed is not NodeEvent node)
            {
                throw NotYaml();
            }

            if (!node.Anchor.IsEmpty)
            {
                throw Error(file, _line, "uses an anchor (&); remove it");
            }

            // A quoted scalar's own tag "!" is reported as non-specific: only a written tag is refused.
            if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
            {
                throw Error(file, _line, "uses a tag (!); remove it");
            }

            if (depth > MaxDepth)
            {
                throw Error(file, _line, $"is nested more than {MaxDepth} levels deep");
            }

            if (++_nodes > MaxNodes)
            {
                throw Error(file, _line, $"holds more than {MaxNodes} values");
            }

            int line = _line;
            switch (node)
            {
                case Scalar scalar:
                    return new ScalarNode(scalar.Value, scalar.Style != ScalarStyle.Plain, line);
                case SequenceStart:
                    var items = new List<SourceNode>();
                    for (ParsingEvent next = Next(); next is not SequenceEnd; next = Next())
                    {
                        items.Add(Node(next, depth + 1));
                    }

                    return new SequenceNode(items, line);
                case MappingStart:
                    var entries = new List<(ScalarNode, SourceNode)>();
                    for (ParsingEvent next = Next(); next is not MappingEnd; next = Next())
                    {
                        if (Node(next, depth + 1) is not ScalarNode key)
                        {
                            throw Error(file, _line, "has a key that is not a plain name");
                        }

                        entries.Add((key, Node(Next(), depth + 1)));
                    }

                    return new MappingNode(entries, line);
                default:
                    throw NotYaml();
            }
        }

        private void Expect<T>()
            where T : ParsingEvent
        {
            if (Next() is not T)
            {
                throw NotYaml();
            }
        }

        private ParsingEvent Next()
        {
            do
            {
                if (!MoveNext() || parser.Current is null)
                {
                    throw NotYaml();
                }
            }
            while (parser.Current is Comment);

            _line = (int)Math.Min(int.MaxValue, parser.Current.Start.Line);
            return parser.Current;
        }

        private bool MoveNext()
        {
            try
            {
                return parser.MoveNext();
            }
            catch (YamlException e)
            {
                // The parser's own message may quote the file: only the place is passed on.
                _line = (int)Math.Min(int.MaxValue, e.Start.Line);
                throw NotYaml();
            }
            catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
            {
                // The scanner meets some malformed text unprepared; it reads from memory, so the text is the only cause.
                throw NotYaml();
            }
        }

        private ExperimentFileException NotYaml() => Error(file, _line, "is not valid YAML here; check indentation, colons, brackets and quotes");
    }
}
