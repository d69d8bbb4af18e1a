using System.Diagnostics.CodeAnalysis;

namespace Dmm.Hocon;

/// <summary>Where something stands in a file, both from 1.</summary>
public readonly record struct HoconPlace(int Line, int Column)
{
    public override string ToString() => $"line {Line}, column {Column}";
}

/// <summary>What a file says, with the place of each thing, so that a fault found later can still name it.</summary>
public abstract class HoconNode(HoconPlace place)
{
    public HoconPlace Place { get; } = place;

    /// <summary>How the value is shown in a message.</summary>
    public abstract string Shown { get; }
}

/// <summary>A single value. Its type is decided by who reads it.</summary>
public sealed class HoconScalar(HoconPlace place, string text, bool quoted) : HoconNode(place)
{
    private const int LongestShown = 60;

    public string Text { get; } = text;

    /// <summary>A bare <c>null</c>; <c>"null"</c> in quotes is a text.</summary>
    public bool IsNull { get; } = !quoted && text == "null";

    public override string Shown =>
        IsNull ? "null" : $"'{(Text.Length <= LongestShown ? Text : Text[..LongestShown] + "…").ReplaceLineEndings("⏎")}'";
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

    /// <summary>Every single value and list at or below here with its dotted path; sections that hold nothing come as themselves.</summary>
    public IEnumerable<(string Path, HoconNode Node)> Leaves(string prefix = "")
    {
        foreach (var (key, node) in _members)
        {
            // A key that was quoted because it holds dots is not the path that it looks like.
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
