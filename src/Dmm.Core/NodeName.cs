using System.Text.RegularExpressions;

namespace Dmm.Core;

/// <summary>
/// A node's name in its cluster: 1 to 63 lower-case letters, digits, dots, dashes and underscores, starting with a letter or digit. It has
/// no slash, because a VM's name in the cluster is <c>node/vm</c>, and one case only, because names of hosts have no case.
/// </summary>
public readonly partial record struct NodeName : IComparable<NodeName>
{
    /// <summary>The longest label of a host's name (RFC 1035).</summary>
    public const int MaxLength = 63;

    private NodeName(string text) => Text = text;

    public string Text => field ?? "";

    /// <summary>What a fault names as right.</summary>
    public static string Right => $"1 to {MaxLength} lower-case letters, digits, '.', '-' and '_', starting with a letter or digit";

    /// <exception cref="FormatException">The text is not a node's name; the message says what would be right.</exception>
    public static NodeName Parse(string? text) =>
        TryParse(text, out var name) ? name : throw new FormatException($"'{Echo.Of(text)}' is not a node's name; use {Right}");

    public static bool TryParse(string? text, out NodeName name)
    {
        var ok = text is not null && Pattern().IsMatch(text);
        name = ok ? new(text!) : default;
        return ok;
    }

    /// <summary>Returns the name of a node whose host has this name: the first label, in lower case; null where that is none.</summary>
    public static NodeName? OfHost(string host) =>
        TryParse(host.ToLowerInvariant(), out var whole) && !host.Contains('.', StringComparison.Ordinal) ? whole
        : TryParse(host.Split('.')[0].ToLowerInvariant(), out var first) ? first
        : null;

    public static bool operator <(NodeName a, NodeName b) => a.CompareTo(b) < 0;

    public static bool operator >(NodeName a, NodeName b) => a.CompareTo(b) > 0;

    public static bool operator <=(NodeName a, NodeName b) => a.CompareTo(b) <= 0;

    public static bool operator >=(NodeName a, NodeName b) => a.CompareTo(b) >= 0;

    public int CompareTo(NodeName other) => string.CompareOrdinal(Text, other.Text);

    public override string ToString() => Text;

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
