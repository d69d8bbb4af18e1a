using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Admission;

/// <summary>The kind of host on which a VM is created.</summary>
internal enum Host
{
    /// <summary>The host's memory is free.</summary>
    Empty,

    /// <summary>Peers hold all memory, but need little of it.</summary>
    Full,
}

/// <summary>One VM's creation. Times are from the request.</summary>
/// <param name="RoomMs">The time to its launch, when its memory is there. Null: not in time.</param>
/// <param name="RunningMs">The time to its guest's first message, which <c>dmm vm create --wait</c> waits for. Null: not in time.</param>
/// <param name="Reason">The reason why it did not run.</param>
internal sealed record Creation(
    Host Host, string Law, int Round, double FreeMibBefore, double? RoomMs, double? RunningMs, string? Reason, double LoadAverage);

internal sealed record CreationFigures(Host Host, string Law, Distribution RoomMs, Distribution RunningMs)
{
    public static IReadOnlyList<CreationFigures> Of(IEnumerable<Creation> creations) =>
    [
        .. creations.GroupBy(c => (c.Host, c.Law)).OrderBy(g => g.Key.Host).ThenBy(g => g.Key.Law, StringComparer.Ordinal)
            .Select(g => new CreationFigures(
                g.Key.Host, g.Key.Law, Distribution.Of(g.Select(c => c.RoomMs)), Distribution.Of(g.Select(c => c.RunningMs)))),
    ];
}

/// <summary>The content of <c>admission.json</c>.</summary>
internal sealed record AdmissionReport(
    QemuMachine Machine, long GuestsBytes, long NewVmBytes, IReadOnlyList<CreationFigures> Figures, IReadOnlyList<Creation> Creations);
