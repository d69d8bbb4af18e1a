namespace Dmm.Settings;

/// <param name="Deadline">How long a new VM may wait for its memory if its request does not say.</param>
/// <param name="Queue">The most VMs that may wait at the same time.</param>
/// <param name="Gather">The most new VMs that memory is gathered for at the same time.</param>
/// <param name="Launches">The most VMs that are launched at the same time.</param>
/// <param name="OvercommitMaxRatio">The most that Σ max may be, as a multiple of the memory for guests; 0: no bound.</param>
public sealed record AdmissionSettings(TimeSpan Deadline, int Queue, int Gather, int Launches, double OvercommitMaxRatio)
{
    internal static AdmissionSettings Read(SettingsReader reader) => new(
        reader.Duration("dmm.admission.deadline", "1s", "1d"),
        reader.Integer("dmm.admission.queue", 1, 10_000),
        reader.Integer("dmm.admission.gather", 1, 1_000),
        reader.Integer("dmm.admission.launches", 1, 1_000),
        reader.Number("dmm.admission.overcommit-max-ratio", 0, 1_000_000));
}
