namespace Dmm.Settings;

/// <summary>How much history stays in the journal beyond what recovery needs.</summary>
/// <param name="Keep">Events younger than this stay …</param>
/// <param name="Most">… unless they are more than this many.</param>
public sealed record HistorySettings(TimeSpan Keep, int Most)
{
    internal static HistorySettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.history.keep", "0s", "3650d"),
        reader.Integer("dmm.history.most", 0, 100_000_000));
}
