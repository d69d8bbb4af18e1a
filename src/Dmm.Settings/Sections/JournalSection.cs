namespace Dmm.Settings;

/// <param name="Path">The SQLite file, absolute.</param>
/// <param name="BusyTimeout">How long to wait for a lock that another process holds.</param>
public sealed record JournalSection(string Path, TimeSpan BusyTimeout)
{
    internal static JournalSection Read(SettingsReader reader, string stateDir)
    {
        var path = reader.AbsolutePath("dmm.journal.path", "/var/lib/dmm/journal.db", mayBeEmpty: true);
        return new(
            path.Length == 0 ? System.IO.Path.Combine(stateDir, "journal.db") : path,
            reader.Duration("dmm.journal.busy-timeout", "1s", "60s"));
    }
}
