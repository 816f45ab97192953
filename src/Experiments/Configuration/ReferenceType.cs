namespace FedLLM.Experiments.Configuration;

/// <summary>The policy that a preference loss compares with: <c>base</c>, <c>round</c>, or the path of an adapter's folder.</summary>
internal sealed class ReferenceType : ValueType
{
    private const string Base = "base";
    private const string Round = "round";
    private static readonly PathType Folder = new();

    public override ValueReading Read(SourceNode node, string folder)
    {
        switch (node)
        {
            case ScalarNode { Quoted: false, Text: Base }:
                return ValueReading.Of(new DpoReference(ReferencePolicy.Base));
            case ScalarNode { Quoted: false, Text: Round }:
                return ValueReading.Of(new DpoReference(ReferencePolicy.Round));
            default:
                ValueReading path = Folder.Read(node, folder);
                return path.Problem is null
                    ? ValueReading.Of(new DpoReference(ReferencePolicy.Adapter, (string)path.Value!))
                    : ValueReading.Wrong($"must be {Base}, {Round} or the path of an adapter's folder");
        }
    }

    public override string Write(object? value)
    {
        var reference = (DpoReference)value!;
        return reference.AdapterPath is null ? Name(reference) : Folder.Write(reference.AdapterPath);
    }

    /// <summary>The kind of reference without its path, whose content counts.</summary>
    public static string Name(DpoReference reference) => reference.Policy switch
    {
        ReferencePolicy.Base => Base,
        ReferencePolicy.Round => Round,
        _ => "adapter",
    };
}
