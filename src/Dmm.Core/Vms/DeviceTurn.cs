using System.Collections.Immutable;

namespace Dmm.Core.Vms;

/// <summary>
/// Whose turn it is to give. A device may keep for good what it was asked back (its guest's kernel put a few pages there), while others
/// could give as much: where the same is asked for again and none has moved since, the next device is asked first. Kept by whoever tells
/// the devices, and used by one caller at a time.
/// </summary>
public sealed class DeviceTurn
{
    private MemorySize? _amount;
    private ImmutableArray<MemorySize> _sizes = [];
    private int _turn;

    /// <summary>What each device is to be told (<see cref="DeviceVector.Spread"/>), as one of the times that it is told.</summary>
    public ImmutableArray<MemorySize> Spread(IReadOnlyList<HotplugDevice> devices, MemorySize amount)
    {
        ImmutableArray<MemorySize> sizes = [.. devices.Select(d => d.Size)];
        _turn = amount == _amount && sizes.SequenceEqual(_sizes) ? (_turn + 1) % Math.Max(1, sizes.Length) : 0;
        (_amount, _sizes) = (amount, sizes);
        return DeviceVector.Spread(devices, amount, _turn);
    }
}
