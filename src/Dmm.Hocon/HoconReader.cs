namespace Dmm.Hocon;

/// <summary>
/// Reads the part of HOCON that all parsers understand in the same way: sections, lists, single values, comments, quoted and
/// triple-quoted text. JSON is a subset of it. The rest (substitutions, includes, <c>+=</c>, joined texts) and unclosed brackets and
/// quotes are refused, with the position and what to write instead.
/// </summary>
internal sealed partial class HoconReader
{
    /// <summary>Deeper than any settings, but within the stack of the parser that reads the text next.</summary>
    private const int MaxDepth = 32;

    private readonly string _text;
    private readonly string _name;
    private int _at;
    private int _line = 1;
    private int _lineStart;

    private HoconReader(string text, string name) => (_text, _name) = (text, name);

    private bool AtEnd => _at >= _text.Length;

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    private HoconPlace Here => new(_line, _at - _lineStart + 1);

    /// <exception cref="SettingsException">The text is not valid; one line with file, line and column.</exception>
    public static HoconSection Read(string text, string name)
    {
        var reader = new HoconReader(text, name);
        var root = new HoconSection(new(1, 1));
        reader.SkipToNext();
        var opening = reader.Here;
        var braced = reader.Current == '{';
        if (braced)
            reader._at++;
        reader.ReadMembers(root, braced ? opening : null, depth: 1);
        reader.SkipToNext();
        return reader.AtEnd
            ? root
            : throw reader.Fault(reader.Here, $"{reader.Found()} after the end of the outermost section; nothing may follow its '}}'");
    }

    private SettingsException Fault(HoconPlace place, string what) => new($"{_name}, {place}: {what}");

    private string Found() => AtEnd ? "the end of the file" : Current == '\n' ? "the end of the line" : Show(Current);

    private static string Show(char c) =>
        char.IsControl(c) || (char.IsWhiteSpace(c) && c != ' ') || c == '\uFEFF' ? $"a character U+{(int)c:X4}" : $"'{c}'";

    /// <param name="opening">The position of the section's brace; null for the file itself.</param>
    private void ReadMembers(HoconSection into, HoconPlace? opening, int depth)
    {
        while (true)
        {
            SkipToNext();
            if (AtEnd)
            {
                if (opening is { } place)
                    throw Fault(place, "the '{' that opens here is never closed");
                return;
            }

            if (Current == '}')
            {
                if (opening is null)
                    throw Fault(Here, "this '}' closes nothing");
                _at++;
                return;
            }

            ReadMember(into, depth);
            EndOfElement('}');
        }
    }

    private void ReadMember(HoconSection into, int depth)
    {
        var place = Here;
        var path = ReadPath();
        SkipBlanks();
        var behind = Here;
        var found = Found();
        if (Current == '\n')
            SkipToNext();
        switch (Current)
        {
            case '+' when behind == Here:
                throw Fault(Here, "'+=' is not supported; write the whole list");
            case '=' or ':' when behind == Here:
                _at++;
                SkipToNext();
                break;
            case '{':
                break;
            default:
                throw path is ["include"]
                    ? Fault(place, "include is not supported; write all settings into this one file")
                    : Fault(behind, $"expected '=' or '{{' after {string.Join('.', path)}, found {found}");
        }

        for (var i = 0; i < path.Count - 1; i++)
            into = SectionOf(into, path, i, place);
        if (Current != '{')
        {
            if (!into.TryAdd(path[^1], ReadValue(depth)))
                throw Fault(place, $"{string.Join('.', path)} is set a second time; its first value is at {into.Members[path[^1]].Place}");
            return;
        }

        var section = SectionOf(into, path, path.Count - 1, place);
        OpenSection(section, depth);
    }

    private void OpenSection(HoconSection section, int depth)
    {
        var opening = Here;
        if (depth >= MaxDepth)
            throw Fault(opening, $"sections and lists are nested deeper than {MaxDepth}");
        _at++;
        ReadMembers(section, opening, depth + 1);
    }

    private HoconSection SectionOf(HoconSection parent, List<string> path, int index, HoconPlace place)
    {
        if (!parent.TryGet(path[index], out var node))
        {
            var made = new HoconSection(place);
            parent.TryAdd(path[index], made);
            return made;
        }

        return node as HoconSection
            ?? throw Fault(place, $"{string.Join('.', path.Take(index + 1))} is used as a section, but has a value at {node.Place}");
    }

    private List<string> ReadPath()
    {
        var path = new List<string>();
        while (true)
        {
            path.Add(Current == '"' ? ReadQuotedKey() : ReadBareKey());
            if (path.Count > MaxDepth)
                throw Fault(Here, $"sections and lists are nested deeper than {MaxDepth}");
            if (Current != '.')
                return path;
            _at++;
        }
    }

    private string ReadQuotedKey()
    {
        var place = Here;
        var key = ReadQuoted();
        return key.Any(char.IsControl) ? throw Fault(place, "a key can't hold line breaks and other control characters") : key;
    }

    private string ReadBareKey()
    {
        var start = _at;
        while (char.IsAsciiLetterOrDigit(Current) || Current is '-' or '_' or '/')
            _at++;
        if (_at == start)
        {
            throw Fault(Here, Current == '$'
                ? "substitutions (${…}) are not supported; write the value itself"
                : $"expected a key, found {Found()}");
        }

        return _text[start.._at];
    }

    private HoconNode ReadValue(int depth)
    {
        var place = Here;
        switch (Current)
        {
            case '{':
                var section = new HoconSection(place);
                OpenSection(section, depth);
                return section;
            case '[':
                return ReadList(depth);
            case '"':
                return new HoconScalar(place, ReadQuoted(), quoted: true);
            default:
                return new HoconScalar(place, ReadBare(), quoted: false);
        }
    }

    private HoconList ReadList(int depth)
    {
        var opening = Here;
        if (depth >= MaxDepth)
            throw Fault(opening, $"sections and lists are nested deeper than {MaxDepth}");
        _at++;
        var items = new List<HoconNode>();
        while (true)
        {
            SkipToNext();
            if (AtEnd)
                throw Fault(opening, "the '[' that opens here is never closed");
            if (Current == ']')
            {
                _at++;
                return new HoconList(opening, items);
            }

            items.Add(ReadValue(depth + 1));
            EndOfElement(']');
        }
    }

    /// <summary>
    /// Reads the end of a member or an item: one comma, a line end, or the closing bracket. Anything else would be joined to the value
    /// or lost.
    /// </summary>
    private void EndOfElement(char closing)
    {
        SkipBlanks();
        if (Current == '\n' || AtEnd)
            SkipToNext();
        else if (Current != ',' && Current != closing)
            throw Fault(Here, Unexpected(closing));
        if (Current != ',')
            return;
        var comma = Here;
        _at++;
        SkipToNext();
        if (Current == ',')
            throw Fault(Here, $"two commas with nothing between them (the first at {comma})");
    }

    private string Unexpected(char closing) => Current switch
    {
        '}' or ']' => $"found {Found()} where '{closing}' must close first",
        '$' => "substitutions (${…}) are not supported; write the value itself",
        '"' or '[' or '{' =>
            $"{Found()} right after a value: values can't be joined; write one text in quotes, or put a comma or a new line between",
        _ => $"expected a new line, ',' or '{closing}' after the value, found {Found()}",
    };

    private bool AtSlashes => Current == '/' && _at + 1 < _text.Length && _text[_at + 1] == '/';

    /// <summary>Skips blanks and a comment, up to the end of this line.</summary>
    private void SkipBlanks()
    {
        while (Current is ' ' or '\t' || (Current == '\r' && _at + 1 < _text.Length && _text[_at + 1] == '\n'))
            _at++;
        if (Current != '#' && !AtSlashes)
            return;
        while (!AtEnd && Current != '\n')
            _at++;
    }

    /// <summary>Skips blanks, comments and line ends, up to the next token.</summary>
    private void SkipToNext()
    {
        SkipBlanks();
        while (Current == '\n')
        {
            Advance();
            SkipBlanks();
        }
    }

    private void Advance()
    {
        if (_text[_at++] == '\n')
            (_line, _lineStart) = (_line + 1, _at);
    }
}
