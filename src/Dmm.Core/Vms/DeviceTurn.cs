using System.Collections.Immutable;

namespace Dmm.Core.Vms;

/// <summary>
/// Decides which device is asked first to give. A device may keep for good the memory that it was asked back (its guest's kernel put a
/// few pages there), while others could give as much. So if the same amount is asked for again and no device has moved since, the next
/// device is asked first. Each caller that tells devices keeps its own instance. Not safe for several threads at once.
/// </summary>
public sealed class DeviceTurn
{
    private MemorySize? _amount;
    private ImmutableArray<MemorySize> _sizes = [];
    private int _turn;

    /// <summary>
    /// The size that each device is to be told (<see cref="DeviceVector.Spread"/>). Each call counts as one request to the devices.
    /// </summary>
    public ImmutableArray<MemorySize> Spread(IReadOnlyList<HotplugDevice> devices, MemorySize amount)
    {
        ImmutableArray<MemorySize> sizes = [.. devices.Select(d => d.Size)];
        _turn = amount == _amount && sizes.SequenceEqual(_sizes) ? (_turn + 1) % Math.Max(1, sizes.Length) : 0;
        (_amount, _sizes) = (amount, sizes);
        return DeviceVector.Spread(devices, amount, _turn);
    }
}
