using Dmm.Benchmarks.Figures;

namespace Dmm.Benchmarks.Admission;

/// <summary>Where a VM is created.</summary>
internal enum Host
{
    /// <summary>Its memory is free.</summary>
    Empty,

    /// <summary>Everything is in the hands of peers, which need little of it.</summary>
    Full,
}

/// <summary>One VM, from the request.</summary>
/// <param name="RoomMs">To its launch: its memory is there. Null: not in time.</param>
/// <param name="RunningMs">To its guest's first word, as <c>dmm vm create --wait</c> waits for it. Null: not in time.</param>
/// <param name="Reason">Why it did not run.</param>
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

/// <summary>What <c>admission.json</c> holds.</summary>
internal sealed record AdmissionReport(
    QemuMachine Machine, long GuestsBytes, long NewVmBytes, IReadOnlyList<CreationFigures> Figures, IReadOnlyList<Creation> Creations);
