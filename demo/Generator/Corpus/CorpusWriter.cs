using System.Text;
using FedLLM.DemoData.Drawing;

namespace FedLLM.DemoData.Corpus;

/// <summary>Writes the pretraining corpus: documents drawn one by one from weighted kinds, each a pure function of (seed, its number).</summary>
internal static class CorpusWriter
{
    /// <summary>The line that ends each document.</summary>
    public const string DocumentEnd = "<|endoftext|>";

    private static readonly (int Weight, Func<Draw, string> Write)[] Kinds =
    [
        (10, AnimalDocuments.Portrait), (5, AnimalDocuments.Comparison), (3, AnimalDocuments.Register), (3, AnimalDocuments.Place),
        (12, StoryDocuments.Tale), (9, StoryDocuments.Belongings), (8, StoryDocuments.Walk), (5, StoryDocuments.Talk),
        (5, ThingDocuments.Food), (8, ThingDocuments.Work), (8, ThingDocuments.Country), (3, ThingDocuments.Atlas), (9, ThingDocuments.Review),
        (8, NumberDocuments.Sums), (3, NumberDocuments.Problem), (7, NumberDocuments.Order), (4, NumberDocuments.Counting), (6, NumberDocuments.Calendar),
        (7, WordDocuments.Opposites), (7, WordDocuments.Plurals), (2, WordDocuments.Rhyme), (2, WordDocuments.Letters),
        (6, OfficeDocuments.Clerk), (4, OfficeDocuments.Notes), (5, OfficeDocuments.Quiz),
    ];

    private static readonly int TotalWeight = Kinds.Sum(k => k.Weight);

    /// <summary>Writes whole documents until <paramref name="bytes"/> bytes are reached, and returns their number.</summary>
    public static long Write(Stream output, ulong seed, long bytes)
    {
        long written = 0;
        long count = 0;
        while (written < bytes)
        {
            byte[] document = Encoding.ASCII.GetBytes($"{Document(seed, count)}\n{DocumentEnd}\n");
            output.Write(document);
            written += document.Length;
            count++;
        }

        return count;
    }

    /// <summary>Returns document <paramref name="index"/> of the corpus of <paramref name="seed"/>.</summary>
    public static string Document(ulong seed, long index)
    {
        Draw draw = new(seed, DataPart.Document, index);
        int ticket = draw.Below(TotalWeight);
        int kind = 0;
        while (ticket >= Kinds[kind].Weight)
        {
            ticket -= Kinds[kind].Weight;
            kind++;
        }

        return Kinds[kind].Write(draw);
    }
}
