namespace Dmm.Settings;

/// <param name="Deadline">How long a new VM may wait for its memory where its request does not say.</param>
/// <param name="Queue">VMs that may wait at once.</param>
public sealed record AdmissionSettings(TimeSpan Deadline, int Queue)
{
    internal static AdmissionSettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.admission.deadline", "1s", "1d"),
        reader.Integer("dmm.admission.queue", 1, 10_000));
}
