using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;
using Dmm.Simulation.Worlds;

namespace Dmm.Simulation.Core;

/// <summary>A VM of the core's world: a daemon has at most one connection to it.</summary>
internal sealed class CoreVm(SimulatedGuest guest, VmHandle handle, MemorySize overhead, Moment now) : WorldVm(guest, handle, overhead)
{
    private Moment _movedAt = now;

    /// <summary>A call to its hypervisor may be carried out until then: no new connection is made before.</summary>
    public Moment BusyUntil { get; set; } = now;

    /// <summary>Until then its guest floods its channel, and says each time that it has nothing left.</summary>
    public Moment CriesUntil { get; set; }

    /// <summary>The connection that hears of it now.</summary>
    public DriverConnection? Connection { get; set; }

    /// <summary>The world, not DMM, has made it larger than it was promised; reset when it is within its promise again.</summary>
    public bool Disturbed { get; set; }

    /// <summary>The time at which it was last seen to be too large.</summary>
    public Moment DisturbedAt { get; set; }

    public override int Connections => Connection is { Broken: false } ? 1 : 0;

    public override void Tell(VmObservation fact) => Connection?.Tell(fact);

    protected override void Disconnect(VmObservation? last)
    {
        if (last is not null)
            Connection?.TellLast(last);
        Connection = null;
    }

    /// <summary>Lets the time since the last movement go by in the guest. Returns whether a size changed.</summary>
    public bool Move(Moment now)
    {
        var elapsed = now - _movedAt;
        _movedAt = now;
        return Move(elapsed);
    }
}
