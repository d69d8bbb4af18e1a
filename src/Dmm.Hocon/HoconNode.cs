using System.Diagnostics.CodeAnalysis;

namespace Dmm.Hocon;

/// <summary>A position in a file; line and column start at 1.</summary>
public readonly record struct HoconPlace(int Line, int Column)
{
    public override string ToString() => $"line {Line}, column {Column}";
}

/// <summary>A value in a file, with its position, so that a fault that is found later can name it.</summary>
public abstract class HoconNode(HoconPlace place)
{
    public HoconPlace Place { get; } = place;

    /// <summary>The value as a message shows it.</summary>
    public abstract string Shown { get; }
}

/// <summary>A single value. Its reader decides its type.</summary>
public sealed class HoconScalar(HoconPlace place, string text, bool quoted) : HoconNode(place)
{
    private const int LongestShown = 60;

    public string Text { get; } = text;

    /// <summary>True for a bare <c>null</c>; <c>"null"</c> in quotes is text.</summary>
    public bool IsNull { get; } = !quoted && text == "null";

    public override string Shown =>
        IsNull ? "null" : $"'{Plain((Text.Length <= LongestShown ? Text : Text[..LongestShown] + "…").ReplaceLineEndings("⏎"))}'";

    /// <summary>The text without control characters: a message is one line, and a terminal obeys some of them.</summary>
    private static string Plain(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : $"{c}")) : text;
}

public sealed class HoconList(HoconPlace place, IReadOnlyList<HoconNode> items) : HoconNode(place)
{
    public IReadOnlyList<HoconNode> Items { get; } = items;

    public override string Shown => "a list";
}

public sealed class HoconSection(HoconPlace place) : HoconNode(place)
{
    private readonly OrderedDictionary<string, HoconNode> _members = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, HoconNode> Members => _members;

    public override string Shown => "a section";

    public bool TryGet(string key, [NotNullWhen(true)] out HoconNode? node) => _members.TryGetValue(key, out node);

    public bool TryAdd(string key, HoconNode node) => _members.TryAdd(key, node);

    /// <summary>
    /// Returns all values and lists at or below this section, each with its dotted path. An empty section is returned itself.
    /// </summary>
    public IEnumerable<(string Path, HoconNode Node)> Leaves(string prefix = "")
    {
        foreach (var (key, node) in _members)
        {
            // A quoted key that contains dots must not look like a path.
            var name = key.Length == 0 || key.Contains('.', StringComparison.Ordinal) ? $"\"{key}\"" : key;
            var path = prefix.Length == 0 ? name : $"{prefix}.{name}";
            if (node is HoconSection { Members.Count: > 0 } section)
            {
                foreach (var leaf in section.Leaves(path))
                    yield return leaf;
            }
            else
            {
                yield return (path, node);
            }
        }
    }
}
