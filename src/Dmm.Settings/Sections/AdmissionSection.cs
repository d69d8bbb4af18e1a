using Dmm.Core.Admission;

namespace Dmm.Settings;

/// <summary>The section <c>dmm.admission</c>.</summary>
internal static class AdmissionSection
{
    public static AdmissionSettings Read(SettingsReader reader) => new()
    {
        Deadline = reader.Duration("dmm.admission.deadline", "1s", "1d"),
        Queue = reader.Integer("dmm.admission.queue", 1, 10_000),
        Gather = reader.Integer("dmm.admission.gather", 1, 1_000),
        Launches = reader.Integer("dmm.admission.launches", 1, 1_000),
        OvercommitMaxRatio = reader.Number("dmm.admission.overcommit-max-ratio", 0, 1_000_000),
    };
}
