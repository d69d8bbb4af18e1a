namespace Dmm.Settings;

/// <param name="Path">The SQLite file, absolute.</param>
public sealed record JournalSettings(string Path)
{
    internal static JournalSettings Read(SettingsReader reader, string stateDir)
    {
        var path = reader.AbsolutePath("dmm.journal.path", "/var/lib/dmm/journal.db", mayBeEmpty: true);
        return new(path.Length == 0 ? System.IO.Path.Combine(stateDir, "journal.db") : path);
    }
}
