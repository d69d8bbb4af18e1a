using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>A VM as it is, whatever DMM believes of it: a process of the host that outlives every daemon.</summary>
internal sealed class SimulatedProcess
{
    /// <summary>How fast programs of a guest take what they want.</summary>
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

    /// <summary>What its agent says of itself; null where it has none.</summary>
    public GuestHello? Hello => HasAgent ? Guest.Hello : null;

    public bool Running { get; set; } = true;

    /// <summary>How it came to its end, as what it left behind tells whoever comes later.</summary>
    public EndCause Cause { get; set; }

    /// <summary>What it costs the host beside its memory.</summary>
    public MemorySize Cost { get; set; }

    /// <summary>What it was expected to cost.</summary>
    public MemorySize Expected { get; }

    /// <summary>When <see cref="Cost"/> changed last.</summary>
    public Moment CostAt { get; set; }

    /// <summary>What its process holds of the host.</summary>
    public MemorySize Resident => Guest.OnHost + Cost;

    /// <summary>What a driver reads: the sizes, and behind them what the process holds.</summary>
    public VmObservation.Sizes Sizes => new(Guest.Sizes) { Resident = Resident };

    /// <summary>What its programs would like to hold.</summary>
    public MemorySize Wish { get; set; }

    /// <summary>A call to its hypervisor may be carried out until then: nobody is connected anew before.</summary>
    public Moment BusyUntil { get; set; }

    public Moment SampledAt { get; set; }

    /// <summary>Who hears of it now.</summary>
    public DriverConnection? Connection { get; set; }

    /// <summary>The world, not DMM, has made it larger than it was promised; until it is no longer.</summary>
    public bool Disturbed { get; set; }

    /// <summary>When it was last seen to be too large.</summary>
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

    /// <summary>A further device, so that so much can be plugged.</summary>
    public void Extend(MemorySize pluggableMax)
    {
        if (pluggableMax <= Capabilities.PluggableMax)
            return;
        Guest.AddDevice(pluggableMax - Capabilities.PluggableMax);
        Capabilities = Capabilities with { PluggableMax = pluggableMax };
    }

    /// <summary>Lets time go by in the guest. Returns whether a size moved.</summary>
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
