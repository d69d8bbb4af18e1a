namespace Dmm.Hypervisors.Qemu.Devices;

/// <summary>
/// When the mappings of a large process are walked: when it is first asked for, a minute later, and then each time after twice as long, up
/// to an hour. The kernel looks at each of its pages and meanwhile holds up the process where it maps memory, and the result changes
/// little: what QEMU needs beside its guest is there soon after its start. Each gap is stretched by up to a quarter, a different part for
/// each process, so that VMs which a new daemon met together are not walked together again.
/// </summary>
internal sealed class WalkSchedule(int pid, TimeProvider time)
{
    public static readonly TimeSpan FirstGap = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan LongestGap = TimeSpan.FromHours(1);

    private TimeSpan _gap = FirstGap;
    private long? _walkedAt;

    public bool IsDue => _walkedAt is not { } at || time.GetElapsedTime(at) >= _gap * Stretch;

    /// <summary>1 to 1.25.</summary>
    private double Stretch => 1 + (((uint)pid * 2654435761u >> 16) / 65536.0 / 4);

    public void Walked()
    {
        if (_walkedAt is not null)
            _gap = _gap * 2 < LongestGap ? _gap * 2 : LongestGap;
        _walkedAt = time.GetTimestamp();
    }
}
