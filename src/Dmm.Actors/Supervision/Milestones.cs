using System.Globalization;
using Dmm.Core;

namespace Dmm.Actors.Supervision;

/// <summary>How long after its start the daemon was in control, and had reports of every VM. Each is reported once.</summary>
internal sealed class Milestones(Moment start)
{
    public TimeSpan? InControl { get; private set; }

    public TimeSpan? AllActors { get; private set; }

    /// <returns>The text to report; null where it was reported before.</returns>
    public string? Govern(int vms, Moment now)
    {
        if (InControl is not null)
            return null;
        InControl = now - start;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"the ledger governs {vms} VMs, {InControl.Value.TotalSeconds:0.00} s after the start of the process");
    }

    /// <inheritdoc cref="Govern"/>
    public string? KnowAll(Moment now)
    {
        if (AllActors is not null)
            return null;
        AllActors = now - start;
        return string.Create(
            CultureInfo.InvariantCulture, $"every VM has reported, {AllActors.Value.TotalSeconds:0.00} s after the start of the process");
    }
}
