using System.Globalization;
using System.Text;
using Akka.Configuration;
using Dmm.Hocon;

namespace Dmm.Settings.Hocon;

/// <summary>
/// Passes a section to Akka. It is written as JSON with every text in quotes, the form that Akka's parser reads reliably, and the
/// parser's result is then compared with the section.
/// </summary>
public static class HoconAkka
{
    /// <param name="key">The key that Akka sees the section under.</param>
    /// <param name="file">The file's name in messages.</param>
    /// <exception cref="SettingsException">Akka's parser refuses the section or reads it differently.</exception>
    public static Config ToConfig(string key, HoconSection section, string file)
    {
        var whole = new HoconSection(section.Place);
        whole.TryAdd(key, section);
        foreach (var (path, node) in whole.Leaves())
        {
            if (Trap(node) is { } trap)
                throw new SettingsException($"{file}, {node.Place}: {path} is {node.Shown}; {trap}");
        }

        var text = new StringBuilder();
        Write(whole, text);
        try
        {
            var config = ConfigurationFactory.ParseString(text.ToString());
            return HoconAgreement.Difference(whole, config) is { } path
                ? throw new SettingsException($"{file}: Akka's parser reads {path} differently; write it in another way")
                : config;
        }
        catch (Exception e) when (e is FormatException or ConfigurationException or ArgumentException)
        {
            var why = string.Join(' ', e.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
            throw new SettingsException($"{file}: Akka's parser can't read the section {key}: {why}");
        }
    }

    /// <summary>
    /// Returns what Akka's parser is known to do wrong with this text, quoted or not; null where it reads it as it is.
    /// </summary>
    private static string? Trap(HoconNode node) => node switch
    {
        HoconList list => list.Items.Select(Trap).FirstOrDefault(trap => trap is not null),
        HoconSection section => section.Members.Values.Select(Trap).FirstOrDefault(trap => trap is not null),
        HoconScalar { IsNull: false } scalar when scalar.Text.Trim() != scalar.Text =>
        "Akka removes blanks at both ends of a text, so remove them",
        HoconScalar { IsNull: false, Text: "null" } => "Akka reads it as no value at all, so write null without quotes",
        _ => null,
    };

    private static void Write(HoconNode node, StringBuilder to)
    {
        switch (node)
        {
            case HoconScalar { IsNull: true }:
                to.Append("null");
                break;
            case HoconScalar scalar:
                WriteText(scalar.Text, to);
                break;
            case HoconList list:
                to.Append('[');
                foreach (var item in list.Items)
                {
                    Write(item, to);
                    to.Append(",\n");
                }

                to.Append(']');
                break;
            case HoconSection section:
                to.Append('{');
                foreach (var (key, value) in section.Members)
                {
                    WriteText(key, to);
                    to.Append(':');
                    Write(value, to);
                    to.Append(",\n");
                }

                to.Append('}');
                break;
            default:
                throw new InvalidOperationException($"no such kind of node: {node.GetType().Name}");
        }
    }

    private static void WriteText(string text, StringBuilder to)
    {
        to.Append('"');
        foreach (var c in text)
        {
            if (c is '"' or '\\' || char.IsControl(c))
                to.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                to.Append(c);
        }

        to.Append('"');
    }
}
