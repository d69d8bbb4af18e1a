namespace Dmm.Settings;

/// <param name="Keep">The number of events kept for <c>dmm events</c>.</param>
public sealed record EventsSection(int Keep)
{
    internal static EventsSection Read(SettingsReader reader) => new(reader.Integer("dmm.events.keep", 100, 1_000_000));
}
