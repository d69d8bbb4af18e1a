using Dmm.Core.Journals;

namespace Dmm.Settings;

/// <summary>The section <c>dmm.history</c>.</summary>
internal static class HistorySection
{
    public static HistoryKeep Read(SettingsReader reader) => new(
        reader.Duration("dmm.history.keep", "0s", "3650d"),
        reader.Integer("dmm.history.most", 0, 100_000_000));
}
