using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>The way in which memory is added to a VM.</summary>
public enum HotplugKind
{
    /// <summary>Memory can't be added.</summary>
    None,

    /// <summary>Blocks of 2 MiB and more, by one or several devices that stay for good.</summary>
    VirtioMem,

    /// <summary>Whole DIMMs, for a VM without a virtio-mem device or a guest without its driver.</summary>
    Dimm,
}

/// <summary>
/// What a VM with these devices and this guest can do. It is pure. A figure here is the same before and after memory is plugged, and
/// after the daemon has restarted.
/// </summary>
/// <param name="GuestLacksVirtioMem">The guest's agent said that no virtio-mem driver is bound.</param>
/// <param name="GuestBlock">
/// The guest's memory block (128 MiB; 2 GiB in a guest that booted with 64 GiB or more); zero where it is not known.
/// </param>
public sealed record Hotplug(QemuDevices Devices, bool GuestLacksVirtioMem, MemorySize GuestBlock)
{
    /// <summary>
    /// Address space that virtio-mem devices leave for rescue DIMMs: eight of the usual size. Each is needed once, by a guest that was
    /// full when it had to grow.
    /// </summary>
    public static readonly MemorySize RescueRoom = MemorySize.FromGiB(1);

    private IEnumerable<MemoryDeviceState> OwnDimms => Devices.States.Where(d => d.IsOwnDimm);

    private IEnumerable<MemoryDeviceState> RescueDimms => Devices.States.Where(d => d.IsOwnRescue);

    /// <summary>
    /// The kind of hotplug. A VM uses one kind at a time: one that has DIMMs plugged goes on with DIMMs until none is left.
    /// </summary>
    public HotplugKind Kind =>
        OwnDimms.Any() ? HotplugKind.Dimm
        : !Devices.VirtioMem.IsEmpty && !GuestLacksVirtioMem ? HotplugKind.VirtioMem
        : DimmSlots > 0 && DimmRoom >= DimmSize ? HotplugKind.Dimm
        : GuestLacksVirtioMem || ExtensionRoom.IsZero ? HotplugKind.None
        : HotplugKind.VirtioMem;

    public MemorySize PluggableMax => Kind switch
    {
        HotplugKind.VirtioMem => Devices.VirtioMem.Aggregate(MemorySize.Zero, (sum, device) => sum + device.Max),
        HotplugKind.Dimm => MemorySize.Min(new(DimmSize.Bytes * DimmSlots), DimmRoom.RoundDown(DimmSize)),
        _ => MemorySize.Zero,
    };

    /// <summary>The unit in which all devices together can be resized.</summary>
    public MemorySize BlockSize => Kind switch
    {
        HotplugKind.VirtioMem => Devices.VirtioMem.Aggregate(MemorySize.Zero, (block, device) => MemorySize.Max(block, device.Block)),
        HotplugKind.Dimm => DimmSize,
        _ => MemorySize.Zero,
    };

    /// <summary>The smallest unit in which any device can be resized: plugged memory is a multiple of it.</summary>
    public MemorySize LeastBlock => Devices.VirtioMem.Select(d => d.Block).Concat(OwnDimms.Select(d => d.Size)).Append(BlockSize)
        .Where(block => !block.IsZero).DefaultIfEmpty(MemorySize.FromMiB(1)).Min();

    public MemorySize ExtendableTo => Kind == HotplugKind.VirtioMem ? PluggableMax + ExtensionRoom : PluggableMax;

    /// <summary>
    /// The size of a rescue DIMM: the least that a guest can take. Zero where memory is plugged by DIMMs anyway: each of them serves as a
    /// rescue DIMM.
    /// </summary>
    public MemorySize RescueSize
    {
        get
        {
            var size = MemorySize.Max(DimmPlan.LeastSize, Grain);
            return Kind != HotplugKind.Dimm && FreeSlots > 0 && FreeRoom >= size ? size : MemorySize.Zero;
        }
    }

    /// <summary>
    /// The size of the next virtio-mem device, so that the VM can be plugged to <paramref name="pluggableMax"/>. The device at least
    /// doubles the present maximum as far as there is room, since devices are few and address space is cheap (QEMU: 2 MiB of bitmaps for
    /// 16 GiB).
    /// </summary>
    public MemorySize ExtensionFor(MemorySize pluggableMax) =>
        MemorySize.Min(MemorySize.Max(pluggableMax.MinusOrZero(PluggableMax), PluggableMax).RoundUp(ExtensionUnit), ExtensionRoom);

    public VmCapabilities Describe(string? balloonFault)
    {
        var balloon = Devices.BalloonPath is not null && balloonFault is null;
        return new(balloon, PluggableMax, BlockSize, [.. Lacks(balloonFault)])
        {
            ExtendableTo = ExtendableTo,
            RescueSize = RescueSize,
            BalloonTakesPlugged = Kind == HotplugKind.Dimm,
        };
    }

    private MemorySize DimmSize => OwnDimms.Select(d => d.Size).FirstOrDefault() is { IsZero: false } size
        ? size
        : DimmPlan.SizeFor(
            Devices.BootMemory, DimmRoom + SizeOf(RescueDimms), Math.Max(DimmSlots + RescueDimms.Count(), 1), Grain);

    private int DimmSlots => FreeSlots + OwnDimms.Count();

    private MemorySize DimmRoom => FreeRoom + SizeOf(OwnDimms);

    /// <summary>Nothing is added to a VM whose memory is of a kind that DMM can't add.</summary>
    private bool CanAdd => Devices.Memory.Refusal is null;

    private int FreeSlots => CanAdd ? Devices.Room.FreeSlots : 0;

    private MemorySize FreeRoom => CanAdd ? Devices.Room.Free : MemorySize.Zero;

    /// <summary>No piece of memory may be smaller: neither a memory block of the guest, nor a huge page of the host.</summary>
    private MemorySize Grain => MemorySize.Max(GuestBlock, Devices.Memory.PageSize);

    private static MemorySize SizeOf(IEnumerable<MemoryDeviceState> dimms) => dimms.Aggregate(MemorySize.Zero, (sum, d) => sum + d.Size);

    /// <summary>The unit of a further device's size: a guest can use only whole memory blocks of it.</summary>
    private MemorySize ExtensionUnit => MemorySize.Max(DimmPlan.LeastSize, Grain);

    private MemorySize ExtensionRoom =>
        Devices.SparePorts.IsEmpty ? MemorySize.Zero : FreeRoom.MinusOrZero(RescueRoom).RoundDown(ExtensionUnit);

    private IEnumerable<string> Lacks(string? balloonFault)
    {
        // A missing driver in the guest is reported elsewhere, with the other facts from its agent.
        if (Devices.VirtioMem.IsEmpty)
            yield return "it has no virtio-mem device: start it with -object memory-backend-ram,id=hotplug0,reserve=off,size=16G "
                + "-device virtio-mem-pci,memdev=hotplug0";
        if (Devices.Memory.Refusal is { } refusal)
            yield return $"nothing is added to it, neither DIMMs nor devices: {refusal}; what is added must be of the same kind";
        else if (Kind == HotplugKind.None)
            yield return "it can't grow beyond its boot memory: it has neither virtio-mem nor slots and address space for DIMMs (-m "
                + "size=…,slots=32,maxmem=512G)";
        else if (Kind == HotplugKind.Dimm)
            yield return $"it grows by whole DIMMs of {DimmSize}, up to {PluggableMax}; a guest gives one back only when nothing in it "
                + $"is in permanent use";
        else if (Devices.SparePorts.IsEmpty)
            yield return $"it has no root port left for another virtio-mem device: at most {PluggableMax} can be plugged while it "
                + $"runs; "
                + $"start it with -device pcie-root-port,id={DeviceId.SparePortOf(0)},chassis=101";
        if (Devices.BalloonPath is null)
            yield return "it has no virtio-balloon device: it can't give boot memory back; without an agent, its "
                + "need is unknown";
        else if (balloonFault is not null)
            yield return $"its balloon can't be used: {balloonFault}";
        if (Devices.AgentSocket is null)
        {
            yield return $"it has no channel {QemuCommandLine.AgentPort} that DMM can connect to: "
                + "at best, its need is known from balloon statistics, seconds late";
        }
    }
}
