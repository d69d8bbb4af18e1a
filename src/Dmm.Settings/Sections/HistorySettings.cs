namespace Dmm.Settings;

/// <summary>Limits of the history that stays in the journal beyond what recovery needs.</summary>
/// <param name="Keep">The age up to which events stay …</param>
/// <param name="Most">… unless there are more than this many.</param>
public sealed record HistorySettings(TimeSpan Keep, int Most)
{
    internal static HistorySettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.history.keep", "0s", "3650d"),
        reader.Integer("dmm.history.most", 0, 100_000_000));
}
