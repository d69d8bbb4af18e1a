using Dmm.Core;

namespace Dmm.Settings;

/// <summary>The setting <c>dmm.node</c>.</summary>
internal static class NodeSection
{
    public static NodeName Read(SettingsReader reader, string host)
    {
        var given = reader.Read("dmm.node", $"auto, or {NodeName.Right}", (string text, out NodeName? value) =>
        {
            value = NodeName.TryParse(text, out var name) && text != "auto" ? name : null;
            return text == "auto" || value is not null;
        });
        if ((given ?? NodeName.OfHost(host)) is { } node)
            return node;
        reader.Refuse("dmm.node", $"{NodeName.Right}, since this host's own name, '{Echo.Of(host)}', is not such a name");
        return NodeName.Parse("unnamed");
    }
}
