using System.Globalization;
using Dmm.Core;

namespace Dmm.Actors.Supervision;

/// <summary>How long after its start the daemon governed, and knew of every VM: told once each.</summary>
internal sealed class Milestones(Moment start)
{
    public TimeSpan? InControl { get; private set; }

    public TimeSpan? AllActors { get; private set; }

    /// <returns>What is to be told; null where it was.</returns>
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
