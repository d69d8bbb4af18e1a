using System.Globalization;

namespace Dmm.Daemon.Tests;

/// <summary>
/// The sockets on which a process listens, according to the kernel: those of its open files that take connections or packets from others.
/// </summary>
internal static class Listening
{
    /// <returns>The sockets, such as <c>tcp 0100007F:1F90</c> and <c>unix /run/d.sock</c>.</returns>
    public static IReadOnlyList<string> Of(int pid)
    {
        var own = Directory.GetFiles($"/proc/{pid}/fd").Select(Target).OfType<string>()
            .Where(t => t.StartsWith("socket:[", StringComparison.Ordinal)).Select(t => t["socket:[".Length..^1]).ToHashSet();
        var found = new List<string>();
        foreach (var protocol in (ReadOnlySpan<string>)["tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6"])
        {
            // The columns are: sl local_address rem_address st …; inode is the tenth. 0A is TCP's LISTEN; any bound UDP socket takes
            // datagrams.
            foreach (var fields in Rows($"/proc/{pid}/net/{protocol}"))
            {
                if (fields.Length > 9 && own.Contains(fields[9])
                    && (!protocol.StartsWith("tcp", StringComparison.Ordinal) || fields[3] == "0A"))
                    found.Add($"{protocol} {fields[1]}");
            }
        }

        // The columns are: Num RefCount Protocol Flags Type St Inode Path; 00010000 is SO_ACCEPTCON.
        foreach (var fields in Rows($"/proc/{pid}/net/unix"))
        {
            var takes = fields.Length > 7 && (uint.Parse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0x10000) != 0;
            if (takes && own.Contains(fields[6]))
                found.Add($"unix {fields[7]}");
        }

        return found;
    }

    private static IEnumerable<string[]> Rows(string file) =>
        File.Exists(file) ? File.ReadLines(file).Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : [];

    private static string? Target(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
