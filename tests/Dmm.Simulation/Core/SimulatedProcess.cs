using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>A VM in its real state, whatever DMM believes of it: a process of the host that outlives every daemon.</summary>
internal sealed class SimulatedProcess
{
    /// <summary>The rate at which programs of a guest take what they want, per second.</summary>
    private static readonly MemorySize TakeRate = MemorySize.FromMiB(200);

    private Moment _movedAt;

    public SimulatedProcess(
        VmId id, MemorySize boot, IReadOnlyList<MemorySize> devices, SimulationSettings settings, ulong seed, Moment now, int pid,
        string bootId)
    {
        Id = id;
        Guest = new(boot, settings, seed) { Used = MemorySize.FromMiB(16), Devices = [] };
        foreach (var part in devices)
            Guest.AddDevice(part);
        var pluggableMax = devices.Aggregate(MemorySize.Zero, (sum, part) => sum + part);
        Handle = new(id, "simulation", boot, "", pid, PidStart: 0, bootId, Owned: true);
        Capabilities = new(Balloon: true, pluggableMax, SimulatedGuest.Block, [])
        {
            ExtendableTo = pluggableMax.Scale(2),
            RescueSize = SimulatedGuest.RescueDimm,
        };
        Cost = Expected = settings.Overhead;
        _movedAt = SampledAt = BusyUntil = now;
    }

    public VmId Id { get; }

    public SimulatedGuest Guest { get; }

    public VmHandle Handle { get; }

    public VmCapabilities Capabilities { get; set; }

    public bool HasAgent { get; init; }

    /// <summary>The agent's hello; null if the guest has no agent.</summary>
    public GuestHello? Hello => HasAgent ? Guest.Hello : null;

    public bool Running { get; set; } = true;

    /// <summary>The cause of its end, as its leftovers show it to a later daemon.</summary>
    public EndCause Cause { get; set; }

    /// <summary>Its real overhead: what it costs the host beside its memory.</summary>
    public MemorySize Cost { get; set; }

    /// <summary>Its expected overhead.</summary>
    public MemorySize Expected { get; }

    /// <summary>The time of the last change of <see cref="Cost"/>.</summary>
    public Moment CostAt { get; set; }

    /// <summary>The host memory that its process holds.</summary>
    public MemorySize Resident => Guest.OnHost + Cost;

    /// <summary>The data that a driver reads: the sizes, and the memory that the process holds.</summary>
    public VmObservation.Sizes Sizes => new(Guest.Sizes) { Resident = Resident };

    /// <summary>The memory that its programs would like to hold.</summary>
    public MemorySize Wish { get; set; }

    /// <summary>A call to its hypervisor may be carried out until then: no new connection is made before.</summary>
    public Moment BusyUntil { get; set; }

    public Moment SampledAt { get; set; }

    /// <summary>The connection that hears of it now.</summary>
    public DriverConnection? Connection { get; set; }

    /// <summary>The world, not DMM, has made it larger than it was promised; reset when it is within its promise again.</summary>
    public bool Disturbed { get; set; }

    /// <summary>The time at which it was last seen to be too large.</summary>
    public Moment DisturbedAt { get; set; }

    /// <summary>The most that it can become from what its devices were told.</summary>
    public MemorySize Ceiling
    {
        get
        {
            var sizes = Guest.Sizes;
            return (sizes.Base + sizes.PluggedMost).MinusOrZero(MemorySize.Min(Guest.Ballooned, sizes.BalloonedTarget));
        }
    }

    /// <summary>Adds a device, so that this much can be plugged.</summary>
    public void Extend(MemorySize pluggableMax)
    {
        if (pluggableMax <= Capabilities.PluggableMax)
            return;
        Guest.AddDevice(pluggableMax - Capabilities.PluggableMax);
        Capabilities = Capabilities with { PluggableMax = pluggableMax };
    }

    /// <summary>Lets time go by in the guest. Returns whether a size changed.</summary>
    public bool Move(Moment now)
    {
        var elapsed = now - _movedAt;
        _movedAt = now;
        if (Guest.RunState != VmRunState.Running)
            return false;
        var moved = Guest.Advance(elapsed);
        Guest.Used = Guest.Used > Wish
            ? Wish
            : Guest.Used + MemorySize.Min(Wish - Guest.Used, MemorySize.Min(Guest.Available, TakeRate.Scale(elapsed.TotalSeconds)));
        return moved;
    }
}
