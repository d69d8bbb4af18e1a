using System.Text.RegularExpressions;

namespace Dmm.Core;

/// <summary>
/// A VM's name on its host: 1 to 48 letters, digits, dots, dashes and underscores, starting with a letter or digit. The alphabet is narrow
/// and the length bounded because the same text names an actor and a folder and is a part of socket paths (at most 107 bytes).
/// </summary>
public readonly partial record struct VmId : IComparable<VmId>
{
    public const int MaxLength = 48;

    private VmId(string name) => Name = name;

    public string Name => field ?? "";

    /// <exception cref="FormatException">The text is not a VM name; the message says what would be right.</exception>
    public static VmId Parse(string? text) =>
        text is not null && Pattern().IsMatch(text)
            ? new(text)
            : throw new FormatException(
                $"'{Echo.Of(text)}' is not a VM name; use 1 to {MaxLength} letters, digits, '.', '-' and '_', starting with a letter or "
                + "digit");

    public static bool TryParse(string? text, out VmId id)
    {
        var ok = text is not null && Pattern().IsMatch(text);
        id = ok ? new(text!) : default;
        return ok;
    }

    public static bool operator <(VmId a, VmId b) => a.CompareTo(b) < 0;

    public static bool operator >(VmId a, VmId b) => a.CompareTo(b) > 0;

    public static bool operator <=(VmId a, VmId b) => a.CompareTo(b) <= 0;

    public static bool operator >=(VmId a, VmId b) => a.CompareTo(b) >= 0;

    public int CompareTo(VmId other) => string.CompareOrdinal(Name, other.Name);

    public override string ToString() => Name;

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
