using Dmm.Hocon;
using System.Globalization;
using System.Text;
using Akka.Configuration;

namespace Dmm.Settings.Hocon;

/// <summary>
/// Hands a section to Akka: written out as JSON, with every text in quotes, which is the form that its parser reads without surprises, and
/// then compared with what the parser made of it.
/// </summary>
public static class HoconAkka
{
    /// <param name="key">The key that the section has in Akka's eyes.</param>
    /// <param name="file">For messages.</param>
    /// <exception cref="SettingsException">Akka's parser refuses the section or understands something else.</exception>
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
                ? throw new SettingsException($"{file}: Akka's parser can't take {path} as it is written")
                : config;
        }
        catch (Exception e) when (e is FormatException or ConfigurationException or ArgumentException)
        {
            var why = string.Join(' ', e.Message.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));
            throw new SettingsException($"{file}: Akka's parser can't take the section {key}: {why}");
        }
    }

    /// <summary>What Akka's parser is known to make of some texts, quoted or not; null where it takes them as they are.</summary>
    private static string? Trap(HoconNode node) => node switch
    {
        HoconList list => list.Items.Select(Trap).FirstOrDefault(trap => trap is not null),
        HoconSection section => section.Members.Values.Select(Trap).FirstOrDefault(trap => trap is not null),
        HoconScalar { IsNull: false } scalar when scalar.Text.Trim() != scalar.Text =>
        "Akka cuts blanks off both ends of a text, so leave them away",
        HoconScalar { IsNull: false, Text: "null" } => "Akka takes it for no value at all, so write null without quotes",
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
