using System.Text.RegularExpressions;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Launch;

/// <summary>
/// Prepares QEMU's own messages for people and for the journal: the last whole lines that fit, joined into one line, cleaned like the
/// text of any peer. QEMU repeats an option that it can't accept, and an operator may have written a secret into one (a kernel command
/// line, a URL): values that look like secrets are removed.
/// </summary>
internal static partial class QemuWords
{
    public static string Of(string text, int maxLength)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var said = "";
        for (var i = lines.Length - 1; i >= 0; i--)
        {
            var more = said.Length == 0 ? lines[i] : $"{lines[i]}; {said}";
            if (more.Length > maxLength && said.Length > 0)
                break;
            said = more;
        }

        return ForeignText.Clean(UserOfUrl().Replace(Secret().Replace(said, "$1=***"), "$1***@"), maxLength);
    }

    [GeneratedRegex(
        @"([\w.-]*(?:passw(?:or)?d|passphrase|secret|token|credential|api-?key|private-?key)[\w.-]*)\s*[=:]\s*[^\s,;'""]+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Secret();

    [GeneratedRegex(@"(://)[^\s/@]+@", RegexOptions.CultureInvariant)]
    private static partial Regex UserOfUrl();
}
