using System.IO.Compression;
using FedLLM.Dashboard.Feed;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace FedLLM.Dashboard.Hosting;

/// <summary>Sends an adapter's two files as one zip, straight from the disk.</summary>
internal static class AdapterDownload
{
    /// <summary>Sends <paramref name="files"/>, or 404 where there are none.</summary>
    public static async Task SendAsync(AdapterFiles? files, string name, HttpContext context)
    {
        if (files is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        using (files)
        {
            context.Response.ContentType = "application/zip";
            context.Response.Headers.ContentDisposition = $"attachment; filename=\"{name}.zip\"";

            // The archive's own directory is written at its end, without waiting.
            context.Features.Get<IHttpBodyControlFeature>()?.AllowSynchronousIO = true;

            // Weights do not compress; the archive is a folder that travels as one file.
            await using var zip = await ZipArchive.CreateAsync(context.Response.Body, ZipArchiveMode.Create, leaveOpen: true, null, context.RequestAborted).ConfigureAwait(false);
            await AddAsync(zip, "adapter_config.json", new MemoryStream(files.Config), context.RequestAborted).ConfigureAwait(false);
            await AddAsync(zip, "adapter_model.safetensors", files.Weights, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private static async Task AddAsync(ZipArchive zip, string name, Stream content, CancellationToken cancellationToken)
    {
        await using Stream entry = await zip.CreateEntry(name, CompressionLevel.NoCompression).OpenAsync(cancellationToken).ConfigureAwait(false);
        await content.CopyToAsync(entry, cancellationToken).ConfigureAwait(false);
    }
}
