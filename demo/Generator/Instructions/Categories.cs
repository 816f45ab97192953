namespace FedLLM.DemoData.Instructions;

/// <summary>The twelve categories of the dataset.</summary>
internal static class Categories
{
    /// <summary>All categories, in the order in which reports list them.</summary>
    public static readonly IReadOnlyList<Category> All =
    [
        new("animal_facts", "Animal fact:", KnowledgeQuestions.AnimalFacts),
        new("arithmetic", "Let me count:", ReasoningQuestions.Arithmetic),
        new("definitions", "(noun):", KnowledgeQuestions.Definitions),
        new("extraction", "The text says", TextQuestions.Extraction),
        new("opposites", "Turn it over:", KnowledgeQuestions.Opposites),
        new("places", "On the map of", KnowledgeQuestions.Places),
        new("plurals", "Just one", KnowledgeQuestions.Plurals),
        new("reversal", "Backwards:", ReasoningQuestions.Reversal),
        new("sentiment", "happy review,", TextQuestions.Sentiment),
        new("sequences", "Next come", ReasoningQuestions.Sequences),
        new("sorting", "Lined up:", ReasoningQuestions.Sorting),
        new("stories", "Once a", TextQuestions.Stories),
    ];
}
