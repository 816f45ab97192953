using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Shards;

/// <summary>
/// Tokenizes the parts of a partition when they are asked for. Counts of every client that was asked for are kept; the samples themselves only in a cache
/// of bounded size, so that a client that is not sampled costs its name and its counts.
/// </summary>
/// <typeparam name="TSample">What a client trains on.</typeparam>
/// <remarks>
/// Counting tokenizes each part once and puts it in the cache, so data that fits is tokenized once in a run. When the cache is full, the part that was
/// used longest ago leaves it. Concurrent callers of one client share one tokenization.
/// </remarks>
public sealed class TokenizedShards<TSample> : IShardSource<TSample>
    where TSample : class
{
    private readonly IPartition _partition;
    private readonly ISampleEncoder<TSample> _encoder;
    private readonly long _cacheTokens;
    private readonly Lock _lock = new();
    private readonly ShardReport?[] _reports;
    private readonly Dictionary<int, LinkedListNode<(Shard<TSample> Shard, long Tokens)>> _cached = [];
    private readonly LinkedList<(Shard<TSample> Shard, long Tokens)> _byUse = new();
    private readonly Dictionary<int, Lazy<(Shard<TSample> Shard, ShardReport Report)>> _inProgress = [];
    private long _tokens;

    /// <summary>Sets up the source; nothing is read yet.</summary>
    /// <param name="partition">Which examples are whose.</param>
    /// <param name="encoder">Makes samples of them.</param>
    /// <param name="cacheTokens">Bound on the tokens kept; 0 keeps none.</param>
    public TokenizedShards(IPartition partition, ISampleEncoder<TSample> encoder, long cacheTokens = TokenizedShards.DefaultCacheTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cacheTokens);
        _partition = partition;
        _encoder = encoder;
        _cacheTokens = cacheTokens;
        _reports = new ShardReport?[partition.Clients];
    }

    /// <inheritdoc/>
    public int Clients => _partition.Clients;

    /// <inheritdoc/>
    public string Name(int client) => _partition.Name(client);

    /// <inheritdoc/>
    public ShardReport Report(int client)
    {
        lock (_lock)
        {
            if (_reports[client] is { } report)
            {
                return report;
            }
        }

        return Get(client).Report;
    }

    /// <inheritdoc/>
    public Shard<TSample> Load(int client) => Get(client).Shard;

    private (Shard<TSample> Shard, ShardReport Report) Get(int client)
    {
        Lazy<(Shard<TSample> Shard, ShardReport Report)> work;
        lock (_lock)
        {
            if (_cached.TryGetValue(client, out var node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
                return (node.Value.Shard, _reports[client]!);
            }

            if (!_inProgress.TryGetValue(client, out work!))
            {
                work = new Lazy<(Shard<TSample>, ShardReport)>(() => Tokenize(client));
                _inProgress.Add(client, work);
            }
        }

        try
        {
            (Shard<TSample> Shard, ShardReport Report) result = work.Value;
            Keep(client, work, result);
            return result;
        }
        finally
        {
            lock (_lock)
            {
                if (_inProgress.TryGetValue(client, out var current) && current == work)
                {
                    _inProgress.Remove(client);
                }
            }
        }
    }

    private (Shard<TSample> Shard, ShardReport Report) Tokenize(int client)
    {
        SampleSet<TSample> set = SampleSet.Encode(_partition.Read(client), _encoder);
        string name = _partition.Name(client);
        if (set.Samples.Count == 0)
        {
            throw new InputFileException(
                _partition.Origin(client),
                null,
                $"client {client} ({name}) has no usable sample: of its {set.Tally.Records} records, {set.Tally.DescribeExclusions()}",
                "Raise data.max_length, set data.overlong to trim-prompt, or leave this client out");
        }

        return (new Shard<TSample>(client, name, set.Samples), new ShardReport(client, name, set.Tally));
    }

    private void Keep(int client, Lazy<(Shard<TSample> Shard, ShardReport Report)> work, (Shard<TSample> Shard, ShardReport Report) result)
    {
        lock (_lock)
        {
            if (_reports[client] is { } counted && (counted.Tally.Usable, counted.Tally.Tokens) != (result.Report.Tally.Usable, result.Report.Tally.Tokens))
            {
                throw new InputFileException(
                    _partition.Origin(client),
                    null,
                    $"the data of client {client} has changed since it was counted",
                    "Leave data files alone during a run, and start it again");
            }

            _reports[client] ??= result.Report;
            if (!_inProgress.TryGetValue(client, out var current) || current != work)
            {
                return;
            }

            _inProgress.Remove(client);
            long tokens = result.Report.Tally.Tokens;
            if (tokens > _cacheTokens)
            {
                return;
            }

            _cached[client] = _byUse.AddFirst((result.Shard, tokens));
            _tokens += tokens;
            while (_tokens > _cacheTokens)
            {
                (Shard<TSample> Shard, long Tokens) oldest = _byUse.Last!.Value;
                _byUse.RemoveLast();
                _cached.Remove(oldest.Shard.Client);
                _tokens -= oldest.Tokens;
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
