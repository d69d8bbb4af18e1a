using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Worlds;

/// <summary>
/// A VM in its real state, whatever DMM believes of it: a process of the host that outlives every daemon. Each depth adds its own
/// connections.
/// </summary>
/// <param name="overhead">What it costs the host beside its memory, as its driver expects it.</param>
internal abstract class WorldVm(SimulatedGuest guest, VmHandle handle, MemorySize overhead)
{
    public static readonly TimeSpan SamplePeriod = TimeSpan.FromSeconds(1);
    private static readonly MemorySize LowMemory = MemorySize.FromMiB(32);

    public VmId Id => handle.Id;

    public SimulatedGuest Guest => guest;

    public VmHandle Handle => handle;

    public MemorySize PluggableMax => guest.Devices.Aggregate(MemorySize.Zero, static (sum, device) => sum + device.Max);

    public required MemorySize ExtendableTo { get; init; }

    public VmCapabilities Capabilities => new(Balloon: true, PluggableMax, SimulatedGuest.Block, [])
    {
        ExtendableTo = ExtendableTo,
        RescueSize = SimulatedGuest.RescueDimm,
    };

    public bool HasAgent { get; init; } = true;

    /// <summary>The agent's hello; null if the guest has no agent, or never sends anything.</summary>
    public GuestHello? Hello => HasAgent && !guest.Mute && !guest.Boots ? guest.Hello : null;

    public bool Running { get; private set; } = true;

    /// <summary>The cause of its end, as its leftovers show it to a later daemon.</summary>
    public EndCause Cause { get; private set; }

    /// <summary>The journal says that it was let go: it is nobody's concern.</summary>
    public bool LetGo { get; set; }

    /// <summary>Its expected overhead.</summary>
    public MemorySize Expected { get; } = overhead;

    /// <summary>Its real overhead.</summary>
    public MemorySize Cost { get; private set; } = overhead;

    /// <summary>The time of the last change of <see cref="Cost"/>.</summary>
    public Moment CostAt { get; private set; }

    /// <summary>The part of <see cref="Cost"/> that a ledger has counted since the VM came under its rule.</summary>
    public MemorySize Counted { get; set; }

    /// <summary>The host memory that its process holds.</summary>
    public MemorySize Resident => guest.OnHost + Cost;

    /// <summary>Nobody can look at its process.</summary>
    public bool Opaque { get; init; }

    /// <summary>The limit of its process's own control group; null for none.</summary>
    public MemorySize? Limit { get; set; }

    /// <summary>The time at which its process last took memory without anybody's leave.</summary>
    public Moment TookAt { get; private set; }

    /// <summary>The guest touches this much of what it gave, or lets go of what it had taken so.</summary>
    public void TakeBack(MemorySize size, Moment now) => (guest.TookBack, TookAt) = (size, now);

    /// <summary>The data that a driver reads: the sizes, and the memory that the process holds.</summary>
    public VmObservation.Sizes SizesAt(Moment now) => new(guest.Sizes) { Resident = Opaque ? null : ReadAt(now) };

    /// <summary>What somebody reads now of the memory that its process holds.</summary>
    public HeldMemory ReadAt(Moment now) => new(Resident, now);

    /// <summary>The memory that its programs would like to hold.</summary>
    public MemorySize Wish { get; set; }

    /// <summary>The memory that its programs take, or give back, per second.</summary>
    public MemorySize TakeRate { get; set; } = MemorySize.FromMiB(200);

    /// <summary>The time since its guest last reported a sample.</summary>
    public TimeSpan SinceSample { get; set; }

    /// <summary>
    /// The most that it can become from what its devices were told. The balloon counts as what it really holds, whatever the guest says.
    /// </summary>
    public MemorySize Ceiling => (guest.Sizes with { Ballooned = guest.Ballooned }).Ceiling;

    /// <summary>The number of connections that a living daemon has to it.</summary>
    public abstract int Connections { get; }

    /// <summary>Its overhead changes.</summary>
    public void Costs(MemorySize cost, Moment now) => (Cost, CostAt, Counted) = (cost, now, MemorySize.Min(Counted, cost));

    /// <summary>Tells this to whoever is connected.</summary>
    public abstract void Tell(VmObservation fact);

    /// <summary>How often its guest was reset.</summary>
    public int Resets { get; private set; }

    /// <summary>Starts the guest anew in the same process; whoever is connected sees it.</summary>
    public void Reboot(TimeSpan boot, Moment now)
    {
        Resets++;
        guest.Reboot(boot);
        Tell(SizesAt(now) with { AfterReset = true });
    }

    /// <summary>Ends all connections.</summary>
    /// <param name="last">The last fact that is told over them, if any.</param>
    protected abstract void Disconnect(VmObservation? last);

    /// <param name="tell">Whether its driver sees it end.</param>
    public void End(string why, EndCause cause, bool tell)
    {
        (Running, Cause) = (false, cause);
        Disconnect(tell ? new VmObservation.Ended(why, cause) : null);
    }

    /// <summary>Adds a device, so that this much can be plugged.</summary>
    public void Extend(MemorySize pluggableMax)
    {
        if (pluggableMax > PluggableMax)
            guest.AddDevice(pluggableMax - PluggableMax);
    }

    /// <summary>
    /// The guest behaves from now on. Memory that a kernel has put somewhere stays there, so a guest that keeps some goes on to do so; and
    /// a kernel without a driver, or without anybody who brings new memory online, stays as it is.
    /// </summary>
    public void Behave()
    {
        guest.Temper = guest.Temper is GuestTemper.KeepsSome or GuestTemper.IgnoresPlug or GuestTemper.NeverOnlines ? guest.Temper
            : GuestTemper.Ideal;
        (guest.Keeps, guest.Mute, guest.TookBack, Limit) = (0, false, MemorySize.Zero, null);
    }

    /// <summary>Lets time go by in the guest and its programs. Returns whether a size changed.</summary>
    public bool Move(TimeSpan elapsed)
    {
        if (guest.RunState != VmRunState.Running)
        {
            SinceSample = TimeSpan.Zero;
            return false;
        }

        if (guest.Boots)
        {
            SinceSample = TimeSpan.Zero;
            var moved = guest.Advance(elapsed);
            if (Hello is { } hello)
                Tell(new VmObservation.Hello(hello));
            return moved;
        }

        SinceSample += elapsed;
        var rate = TakeRate.Scale(elapsed.TotalSeconds);
        guest.Used = Wish > guest.Used
            ? guest.Used + MemorySize.Min(MemorySize.Min(rate, Wish - guest.Used), guest.Available)
            : MemorySize.Max(Wish, guest.Used.MinusOrZero(rate));
        return guest.Advance(elapsed);
    }

    /// <summary>
    /// Whether its agent or balloon reports now: once a second, and after each movement while its programs lack memory.
    /// </summary>
    public bool Samples()
    {
        var low = guest.Available < LowMemory && Wish > guest.Used;
        if (guest.Mute || guest.Boots || guest.RunState != VmRunState.Running || (!low && SinceSample < SamplePeriod))
            return false;
        SinceSample = TimeSpan.Zero;
        return true;
    }

    public static string? WhyOf(VmRunState state) => state == VmRunState.Running ? null : $"it is {state}";
}
