using System.Collections.Immutable;
using Dmm.Hocon;

namespace Dmm.Settings;

/// <summary>
/// Reads settings: the file's value where it has one, otherwise reference.conf's. Each key can be read only once, so that two readers
/// can't understand it differently. Faults are collected, not thrown; reference.conf's value is used instead until all faults are
/// known.
/// </summary>
internal sealed class SettingsReader
{
    private const string Section = "dmm";
    private const string AkkaSection = "akka";

    private readonly Dictionary<string, HoconNode> _reference;
    private readonly Dictionary<string, HoconNode> _file = new(StringComparer.Ordinal);
    private readonly string _fileName;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    public SettingsReader(HoconFile reference, HoconFile? file)
    {
        _reference = reference.Root.Leaves().Where(l => !IsAkka(l.Path)).ToDictionary(l => l.Path, l => l.Node, StringComparer.Ordinal);
        _fileName = file?.Name ?? reference.Name;
        foreach (var (path, node) in file?.Root.Leaves() ?? [])
        {
            if (IsAkka(path))
                continue;
            if (UnknownKey(path, node) is { } fault)
                _faults.Add(fault);
            else
                _file[path] = node;
        }
    }

    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Keys of reference.conf that no code has read.</summary>
    public IEnumerable<string> Unread => _reference.Keys.Where(key => !_read.Contains(key));

    /// <param name="right">The right form, for the message.</param>
    /// <param name="hint">What else to say about a text that is not valid.</param>
    public T Read<T>(string key, string right, TryRead<T> read, Func<string, string?>? hint = null)
    {
        if (!_reference.TryGetValue(key, out var node) || node is not HoconScalar standard)
            throw new InvalidOperationException($"{key} is not in reference.conf");
        if (!_read.Add(key))
            throw new InvalidOperationException($"{key} is read twice");
        if (!read(standard.Text, out var value))
            throw new InvalidOperationException($"{key} in reference.conf is {standard.Shown}; it must be {right}");
        if (!_file.TryGetValue(key, out var given))
            return value;
        if (given is HoconScalar { IsNull: false } scalar && read(scalar.Text, out var own))
            return own;
        var more = given is HoconScalar { IsNull: false } found ? hint?.Invoke(found.Text) : null;
        _faults.Add($"{key} in {_fileName} is {given.Shown}; it must be {right}{more}");
        return value;
    }

    /// <summary>Reads a list; the file's own replaces the whole of reference.conf's.</summary>
    /// <param name="right">The right form of an item, for the message.</param>
    public ImmutableArray<T> List<T>(string key, int most, string right, TryRead<T> read)
    {
        var whole = $"a list of at most {most} items, each {right}";
        if (!_reference.TryGetValue(key, out var node) || Items(node) is not { } standard)
            throw new InvalidOperationException($"{key} is not in reference.conf, or is not {whole}");
        if (!_read.Add(key))
            throw new InvalidOperationException($"{key} is read twice");
        if (!_file.TryGetValue(key, out var given))
            return standard;
        if (Items(given) is { } own)
            return own;
        _faults.Add($"{key} in {_fileName} is {given.Shown}; it must be {whole}");
        return standard;

        ImmutableArray<T>? Items(HoconNode node)
        {
            if (node is not HoconList list || list.Items.Count > most)
                return null;
            var items = ImmutableArray.CreateBuilder<T>(list.Items.Count);
            foreach (var item in list.Items)
            {
                if (item is not HoconScalar { IsNull: false } scalar || !read(scalar.Text, out var value))
                    return null;
                items.Add(value);
            }

            return items.ToImmutable();
        }
    }

    /// <summary>Records a fault between settings that are valid each by itself.</summary>
    public void Refuse(string key, string right)
    {
        var (node, origin) = _file.TryGetValue(key, out var given) ? (given, _fileName) : (_reference[key], "reference.conf");
        _faults.Add($"{key} in {origin} is {node.Shown}; it must be {right}");
    }

    private static bool IsAkka(string path) => path == AkkaSection || path.StartsWith(AkkaSection + ".", StringComparison.Ordinal);

    private string? UnknownKey(string path, HoconNode node)
    {
        if (_reference.ContainsKey(path))
            return null;
        var prefix = path + ".";
        if (_reference.Keys.FirstOrDefault(key => key.StartsWith(prefix, StringComparison.Ordinal)) is { } within)
        {
            return node is HoconSection
                ? null
                : $"{path} in {_fileName} is {node.Shown}; it must be a section, with settings such as {within}";
        }

        IEnumerable<string> names = node is HoconSection
            ? _reference.Keys.Select(key => key[..key.LastIndexOf('.')]).Distinct()
            : _reference.Keys;
        // A file that was taken for settings has unknown keys by the thousand.
        var meant = _faults.Count >= SettingsException.MostFaults
            ? null
            : Nearest.To(path, names) ?? Nearest.To($"{Section}.{path}", names);
        return $"{_fileName}, {node.Place}: unknown setting {path}; "
            + (meant is null ? "reference.conf lists all settings" : $"did you mean {meant}?");
    }
}
