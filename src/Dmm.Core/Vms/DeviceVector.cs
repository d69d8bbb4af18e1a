using System.Collections.Immutable;

namespace Dmm.Core.Vms;

/// <summary>One of a VM's hotplug devices.</summary>
/// <param name="Size">The memory of this device that the guest has now.</param>
/// <param name="Requested">
/// The size that the device was last told to become; until its guest has moved, its real size may be anything between the two.
/// </param>
/// <param name="Max">The most that the device can become.</param>
/// <param name="Block">The unit in which the device can be resized; <paramref name="Size"/> is a multiple of it.</param>
public readonly record struct HotplugDevice(MemorySize Size, MemorySize Requested, MemorySize Max, MemorySize Block)
{
    /// <summary>The most that the device can become without being told anything new.</summary>
    public MemorySize Most => MemorySize.Max(Size, Requested);
}

/// <summary>
/// Spreads an amount of plugged memory over the devices of a VM, in the order in which they are filled. Each guest, and each device in
/// it, gives and takes at its own speed, and some never do. So memory that one device has yet to give is not given to another, and the
/// amount is spread from what each device <i>has</i>. Devices either all grow or all shrink: memory is never moved from one to the other.
/// </summary>
public static class DeviceVector
{
    public static MemorySize Plugged(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Size);

    public static MemorySize Requested(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Requested);

    /// <summary>The most that all devices together can become from what they were told.</summary>
    public static MemorySize Most(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Most);

    /// <summary>
    /// The sizes that the devices are to be told, so that all together become <paramref name="amount"/>. Up: devices that already grow go
    /// on, then the first with room grows. Down: from the last device. The amount that the devices have now leads to exactly their
    /// present sizes. Once they are told, in the order of <see cref="InOrder"/>, they can never become more than the larger of
    /// <paramref name="amount"/> and what they could become before, whatever moves meanwhile. As they move towards it, the same amount
    /// leads to the same sizes again. Parts of a block are left out: an amount that is not made of whole blocks takes less and gives
    /// less.
    /// </summary>
    /// <param name="turn">
    /// How often the same amount was asked for in vain before (<see cref="DeviceTurn"/>). So many devices from the end are passed over
    /// and come after the first. Their requests to give are called off.
    /// </param>
    public static ImmutableArray<MemorySize> Spread(IReadOnlyList<HotplugDevice> devices, MemorySize amount, int turn = 0)
    {
        var told = devices.Select(d => d.Size).ToArray();
        var plugged = Plugged(devices);
        if (amount >= plugged)
            Grow(devices, told, amount - plugged, amount.MinusOrZero(Most(devices)));
        else
            Shrink(devices, told, plugged - amount, turn);
        return [.. told];
    }

    /// <summary>
    /// The order in which devices are told, by their index: devices that are to have less than they were told come before those that are
    /// to have more.
    /// </summary>
    public static IEnumerable<int> InOrder(IReadOnlyList<HotplugDevice> devices, IReadOnlyList<MemorySize> told) =>
        Enumerable.Range(0, devices.Count).OrderBy(i => told[i] >= devices[i].Requested);

    /// <param name="left">The growth beyond what is plugged.</param>
    /// <param name="beyond">
    /// The growth beyond all that is already under way. If some of that is called off, no other device gets it before it has been called
    /// off.
    /// </param>
    private static void Grow(IReadOnlyList<HotplugDevice> devices, MemorySize[] told, MemorySize left, MemorySize beyond)
    {
        for (var i = 0; i < told.Length; i++)
        {
            var onItsWay = MemorySize.Min(devices[i].Most, devices[i].Max).MinusOrZero(told[i]);
            var part = MemorySize.Min(left, onItsWay).RoundDown(devices[i].Block);
            told[i] += part;
            left -= part;
        }

        left = MemorySize.Min(left, beyond);
        for (var i = 0; i < told.Length; i++)
        {
            var part = MemorySize.Min(left, devices[i].Max.MinusOrZero(told[i])).RoundDown(devices[i].Block);
            told[i] += part;
            left -= part;
        }
    }

    private static void Shrink(IReadOnlyList<HotplugDevice> devices, MemorySize[] told, MemorySize left, int turn)
    {
        for (var step = 0; step < told.Length; step++)
        {
            var i = told.Length - 1 - ((step + turn) % told.Length);
            var part = MemorySize.Min(left, told[i]).RoundDown(devices[i].Block);
            told[i] -= part;
            left -= part;
        }
    }

    private static MemorySize Sum(IEnumerable<HotplugDevice> devices, Func<HotplugDevice, MemorySize> of) =>
        devices.Aggregate(MemorySize.Zero, (sum, device) => sum + of(device));
}
