using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Shards;

/// <summary>
/// Tokenizes the parts of a partition when they are asked for. Counts of every part that was asked for are kept, some tens of bytes each; the samples themselves only
/// in a cache of bounded size. A client that is not sampled costs nothing beyond its part's counts, and clients that share a part share its samples.
/// </summary>
/// <typeparam name="TSample">What a client trains on.</typeparam>
/// <remarks>
/// Counting tokenizes each part once and puts it in the cache, so data that fits is tokenized once in a run. When the cache is full, the part that was
/// used longest ago leaves it. Concurrent callers of one part share one tokenization.
/// </remarks>
public sealed class TokenizedShards<TSample> : IShardSource<TSample>
    where TSample : class
{
    private readonly IPartition _partition;
    private readonly ISampleEncoder<TSample> _encoder;
    private readonly long _cacheTokens;
    private readonly bool _mayBeEmpty;
    private readonly Lock _lock = new();
    private readonly TallyTable _tallies;
    private readonly Dictionary<int, LinkedListNode<(int Part, SampleSet<TSample> Set)>> _cached = [];
    private readonly LinkedList<(int Part, SampleSet<TSample> Set)> _byUse = new();
    private readonly Dictionary<int, Lazy<SampleSet<TSample>>> _inProgress = [];
    private long _tokens;

    /// <summary>Sets up the source; nothing is read yet.</summary>
    /// <param name="partition">Which examples are whose.</param>
    /// <param name="encoder">Makes samples of them.</param>
    /// <param name="cacheTokens">Bound on the tokens kept; 0 keeps none.</param>
    /// <param name="mayBeEmpty">Whether a client may be without a usable sample, as held-out data may; otherwise that is an error.</param>
    public TokenizedShards(
        IPartition partition, ISampleEncoder<TSample> encoder, long cacheTokens = TokenizedShards.DefaultCacheTokens, bool mayBeEmpty = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cacheTokens);
        _partition = partition;
        _encoder = encoder;
        _cacheTokens = cacheTokens;
        _mayBeEmpty = mayBeEmpty;
        _tallies = new TallyTable(partition.Parts);
    }

    /// <inheritdoc/>
    public int Clients => _partition.Clients;

    /// <inheritdoc/>
    public string Name(int client) => _partition.Name(client);

    /// <inheritdoc/>
    public ShardReport Report(int client)
    {
        SampleTally? counted;
        lock (_lock)
        {
            counted = _tallies.Find(_partition.Part(client));
        }

        return new ShardReport(client, _partition.Name(client), counted ?? Get(client).Tally);
    }

    /// <inheritdoc/>
    public (int Samples, long Tokens) Size(int client)
    {
        (int Samples, long Tokens)? counted;
        lock (_lock)
        {
            counted = _tallies.Size(_partition.Part(client));
        }

        if (counted is { } size)
        {
            return size;
        }

        SampleTally tally = Get(client).Tally;
        return (tally.Usable, tally.Tokens);
    }

    /// <inheritdoc/>
    public Shard<TSample> Load(int client) => new(client, _partition.Name(client), Get(client).Samples);

    /// <inheritdoc/>
    public Shard<TSample>? Find(int client)
    {
        lock (_lock)
        {
            return _cached.TryGetValue(_partition.Part(client), out var node) ? new(client, _partition.Name(client), node.Value.Set.Samples) : null;
        }
    }

    private SampleSet<TSample> Get(int client)
    {
        int part = _partition.Part(client);
        Lazy<SampleSet<TSample>> work;
        lock (_lock)
        {
            if (_cached.TryGetValue(part, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                return node.Value.Set;
            }

            if (!_inProgress.TryGetValue(part, out work!))
            {
                work = new Lazy<SampleSet<TSample>>(() => Tokenize(client));
                _inProgress.Add(part, work);
            }
        }

        try
        {
            SampleSet<TSample> result = work.Value;
            Keep(client, part, work, result);
            return result;
        }
        finally
        {
            lock (_lock)
            {
                if (_inProgress.TryGetValue(part, out var current) && current == work)
                {
                    _inProgress.Remove(part);
                }
            }
        }
    }

    private SampleSet<TSample> Tokenize(int client)
    {
        SampleSet<TSample> set = SampleSet.Encode(_partition.Read(client), _encoder);
        return _mayBeEmpty || set.Samples.Count > 0
            ? set
            : throw new InputFileException(
                _partition.Origin(client),
                null,
                $"client {client} ({_partition.Name(client)}) has no usable sample: of its {set.Tally.Records} records, {set.Tally.DescribeExclusions()}",
                "Raise data.max_length, set data.overlong to trim-prompt, or leave this client out");
    }

    private void Keep(int client, int part, Lazy<SampleSet<TSample>> work, SampleSet<TSample> result)
    {
        lock (_lock)
        {
            (int, long) size = (result.Tally.Usable, result.Tally.Tokens);
            if (_tallies.Size(part) is { } counted && counted != size)
            {
                throw new InputFileException(
                    _partition.Origin(client),
                    null,
                    $"the data of client {client} has changed since it was counted",
                    "Leave data files alone during a run, and start it again");
            }

            if (_tallies.Size(part) is null)
            {
                _tallies.Set(part, result.Tally);
            }

            if (!_inProgress.TryGetValue(part, out var current) || current != work)
            {
                return;
            }

            _inProgress.Remove(part);
            long tokens = result.Tally.Tokens;
            if (tokens > _cacheTokens)
            {
                return;
            }

            _cached[part] = _byUse.AddFirst((part, result));
            _tokens += tokens;
            while (_tokens > _cacheTokens)
            {
                (int oldest, SampleSet<TSample> set) = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _cached.Remove(oldest);
                _tokens -= set.Tally.Tokens;
            }
        }
    }
}

/// <summary>What <see cref="TokenizedShards{TSample}"/> have in common.</summary>
public static class TokenizedShards
{
    /// <summary>Default bound of the cache in tokens: 32 Mi, at five bytes each 160 MiB.</summary>
    public const long DefaultCacheTokens = 32L << 20;
}
