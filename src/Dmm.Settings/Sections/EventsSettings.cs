namespace Dmm.Settings;

/// <param name="Keep">The number of events kept for <c>dmm events</c>.</param>
public sealed record EventsSettings(int Keep)
{
    internal static EventsSettings Read(SettingsReader reader) => new(reader.Integer("dmm.events.keep", 100, 1_000_000));
}
