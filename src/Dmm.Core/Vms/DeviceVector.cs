using System.Collections.Immutable;

namespace Dmm.Core.Vms;

/// <summary>One of a VM's hotplug devices.</summary>
/// <param name="Size">What the guest has of it now.</param>
/// <param name="Requested">What it was last told to become; until its guest has moved it may hold anything between the two.</param>
/// <param name="Max">The most that it can become.</param>
/// <param name="Block">The unit in which it can be resized; <paramref name="Size"/> is a multiple of it.</param>
public readonly record struct HotplugDevice(MemorySize Size, MemorySize Requested, MemorySize Max, MemorySize Block)
{
    /// <summary>The most that it can become without being told anew.</summary>
    public MemorySize Most => MemorySize.Max(Size, Requested);
}

/// <summary>
/// How an amount of plugged memory is made of the devices of a VM, in the order in which they are filled. Each guest, and each device in
/// it, gives and takes in its own time, and some never: so what one device has yet to give is nobody else's, and the amount is spread from
/// what each <i>has</i>. Devices either all grow or all shrink: nothing is moved from one to the other.
/// </summary>
public static class DeviceVector
{
    public static MemorySize Plugged(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Size);

    public static MemorySize Requested(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Requested);

    /// <summary>The most that all can become together from what they were told.</summary>
    public static MemorySize Most(IEnumerable<HotplugDevice> devices) => Sum(devices, static d => d.Most);

    /// <summary>
    /// What each device is to be told, so that all together become <paramref name="amount"/>. Up: who is on its way goes on, then the first
    /// with room. Down: from the last. What the devices have as it is leads to just that. Once told, in the order of <see cref="InOrder"/>,
    /// whatever moves meanwhile, they can become no more than the larger of <paramref name="amount"/> and what they could before; as they
    /// move towards it, the same amount leads to the same again. A part of a block is left out: of an amount that is not made of whole
    /// blocks less is taken and less is given.
    /// </summary>
    /// <param name="turn">
    /// How often the same was asked for in vain before (<see cref="DeviceTurn"/>): so many devices from the end are passed over, and come
    /// after the first. What they were to give is called off.
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
    /// In which order devices are told, by their places: who is to have less than it was told before those who are to have more.
    /// </summary>
    public static IEnumerable<int> InOrder(IReadOnlyList<HotplugDevice> devices, IReadOnlyList<MemorySize> told) =>
        Enumerable.Range(0, devices.Count).OrderBy(i => told[i] >= devices[i].Requested);

    /// <param name="left">What is to come beside what is there.</param>
    /// <param name="beyond">
    /// What is to come beside all that is on its way; where some of that is called off, nobody else is given it before it has been.
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
