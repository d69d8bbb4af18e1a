using System.Globalization;
using System.Text;

namespace Dmm.Hocon;

/// <summary>The single values: quoted, triple-quoted and bare texts.</summary>
internal sealed partial class HoconReader
{
    private const string TripleQuote = "\"\"\"";

    private string ReadQuoted()
    {
        var opening = Here;
        if (_text.AsSpan(_at).StartsWith(TripleQuote))
            return ReadTripleQuoted(opening);
        _at++;
        var text = new StringBuilder();
        while (Current != '"')
        {
            if (AtEnd || Current is '\n' or '\r')
            {
                throw Fault(
                    opening, "the quote that opens here is not closed on its line (text of several lines stands between triple quotes)");
            }


            if (char.IsControl(Current) && Current != '\t')
                throw Fault(Here, $"{Show(Current)} in a text; write it as \\u{(int)Current:x4}");
            text.Append(Current == '\\' ? ReadEscape() : Current);
            _at++;
        }

        _at++;
        return text.ToString();
    }

    /// <summary>Reads an escape, and stops at its last character.</summary>
    private char ReadEscape()
    {
        var place = Here;
        _at++;
        switch (Current)
        {
            case '"' or '\\' or '/':
                return Current;
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u' when _at + 4 < _text.Length
                && ushort.TryParse(_text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                _at += 4;
                return (char)code;
            default:
                throw Fault(place, "unknown escape; after '\\' may stand one of \" \\ / b f n r t, or u and four hexadecimal digits");
        }
    }

    private string ReadTripleQuoted(HoconPlace opening)
    {
        var start = _at + TripleQuote.Length;
        var end = _text.IndexOf(TripleQuote, start, StringComparison.Ordinal);
        if (end < 0)
            throw Fault(opening, "the triple quote that opens here is never closed");
        while (_at < end + TripleQuote.Length)
            Advance();
        return Current != '"'
            ? _text[start..end]
            : throw Fault(Here, "a fourth quote after a triple quote; a text in triple quotes can't end with a quote");
    }

    private string ReadBare()
    {
        var start = _at;
        while (!AtEnd && Current is not ('\n' or ',' or '}' or ']' or '#') && !AtSlashes)
        {
            if (Current == '$' && _at + 1 < _text.Length && _text[_at + 1] == '{')
                throw Fault(Here, "substitutions (${…}) are not supported; write the value itself");
            if (Current is '"' or '{' or '[' && _at > start)
                throw Fault(Here, Unexpected('}'));
            if (Current is '$' or '"' or '{' or '[' or ':' or '=' or '+' or '`' or '^' or '?' or '!' or '@' or '*' or '&' or '\\')
                throw Fault(Here, $"{Found()} in a value without quotes; write the value in quotes");
            if (Current != '\t' && Current != '\r' && Current != ' ' && (char.IsControl(Current) || char.IsWhiteSpace(Current)))
                throw Fault(Here, $"{Show(Current)} in a value without quotes; remove it, or write the value in quotes");
            _at++;
        }

        var text = _text[start.._at];
        if ((Current == '#' || AtSlashes) && text.Length > 0 && !char.IsWhiteSpace(text[^1]))
            throw Fault(Here, "a comment would begin here and cut the value off; write the value in quotes, or a blank before the comment");
        text = text.Trim();
        return text.Length > 0 ? text : throw Fault(Here, $"expected a value, found {Found()} (an empty text is \"\")");
    }
}
