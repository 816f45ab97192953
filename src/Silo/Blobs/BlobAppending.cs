using System.Security.Cryptography;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedLLM.Silo.Blobs;

/// <summary>
/// A blob that grows at its end. Each write is in the blob when it returns, and fails where somebody else wrote since: it replaces the last block, until that is large, and
/// commits the list of blocks on the condition that the blob's ETag is the one of the last write. (An append blob would end after 50,000 writes.)
/// </summary>
internal sealed class BlobAppending : Stream
{
    private const int WholeBlock = 1 << 16; // times 50,000 blocks: 3.2 GB
    private const int CopiedBlock = 1 << 22;

    private readonly BlockBlobClient _blob;
    private readonly Action<Action> _change;
    private readonly List<string> _blocks = [];
    private byte[] _last = [];
    private long _length;
    private ETag? _tag;

    /// <summary>Stands at the blob's end; it need not exist.</summary>
    /// <param name="blob">The blob.</param>
    /// <param name="change">Called around each change.</param>
    /// <exception cref="RequestFailedException">The storage refuses.</exception>
    public BlobAppending(BlobClient blob, Action<Action> change)
    {
        _change = change;
        _blob = blob.GetParentBlobContainerClient().GetBlockBlobClient(blob.Name);
        if (!_blob.Exists())
        {
            return;
        }

        BlobProperties found = _blob.GetProperties();
        (_tag, _length) = (found.ETag, found.ContentLength);
        BlobBlock[] blocks = [.. _blob.GetBlockList(BlockListTypes.Committed).Value.CommittedBlocks];
        if (blocks.Sum(b => b.SizeLong) == _length)
        {
            _blocks.AddRange(blocks.Select(b => b.Name));
            return;
        }

        // It was written in one piece, and has no blocks to build on.
        byte[] whole = blob.DownloadContent(new BlobDownloadOptions { Conditions = new BlobRequestConditions { IfMatch = _tag } }).Value.Content.ToArray();
        for (int start = 0; start < whole.Length; start += CopiedBlock)
        {
            _blocks.Add(Stage(start, whole.AsSpan(start, Math.Min(CopiedBlock, whole.Length - start)).ToArray()));
        }
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => _length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        byte[] last = [.. _last, .. buffer];
        int written = buffer.Length;
        _change(() =>
        {
            string block = Stage(_length - _last.Length, last);
            BlobRequestConditions unchanged = _tag is { } tag ? new() { IfMatch = tag } : new() { IfNoneMatch = ETag.All };
            _tag = _blob.CommitBlockList([.. _blocks, block], new CommitBlockListOptions { Conditions = unchanged }).Value.ETag;
            _length += written;
            _last = last;
            if (last.Length >= WholeBlock)
            {
                _blocks.Add(block);
                _last = [];
            }
        });
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    // The name follows from place and content: what another writer stages under it is the same. All names have one length, as they must.
    private string Stage(long start, byte[] bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BitConverter.GetBytes(start));
        hash.AppendData(bytes);
        string name = Convert.ToBase64String(hash.GetHashAndReset());
        _blob.StageBlock(name, new MemoryStream(bytes, writable: false));
        return name;
    }
}
