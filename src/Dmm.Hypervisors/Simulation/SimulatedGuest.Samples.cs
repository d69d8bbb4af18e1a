using Dmm.Core;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Simulation;

/// <summary>What the guest's agent reports, truly or not.</summary>
public sealed partial class SimulatedGuest
{
    /// <summary>The sample that the guest's agent reports at this moment.</summary>
    public GuestSample Sample(Moment at)
    {
        var lies = Temper == GuestTemper.LiesAboutUse;
        var available = !lies ? Available : _chance.OneIn(2) ? MemTotal : MemorySize.Zero;
        var sample = new GuestSample
        {
            At = at,
            Source = SampleSource.Agent,
            MemTotal = MemTotal,
            MemFree = available,
            MemAvailable = available,
            Anonymous = Used,
            Reason = available < MemorySize.FromMiB(32) ? SampleReason.LowMemory : SampleReason.Periodic,
        };
        return lies ? Lied(sample) : sample;
    }

    /// <summary>
    /// A false sample: levels that this VM can have, as a driver lets them through, and counters from the whole range of a number.
    /// </summary>
    private GuestSample Lied(GuestSample honest) => honest with
    {
        Anonymous = Part(),
        Unreclaimable = Part(),
        Shmem = Part(),
        ActiveFile = Part(),
        InactiveFile = Part(),
        SwapTotal = new(Count() >> 8),
        SwapFree = new(Count() >> 8),
        Refaults = Count(),
        MajorFaults = Count(),
        SwapIns = Count(),
        SwapOuts = Count(),
        OomKills = Count(),
        StallSomeMicroseconds = Count(),
        StallFullMicroseconds = Count(),
        Reason = _chance.OneIn(4) ? SampleReason.Stall : honest.Reason,
    };

    private MemorySize Part() => MemTotal.Scale(_chance.Below(101) / 100.0);

    private long Count() => _chance.Below(5) switch
    {
        0 => (long)(_chance.Next() >> 1),
        1 => 1L << _chance.Below(63),
        2 => _chance.Of([0, 1L << 51, 2_140_000_000_000_000, long.MaxValue]),
        3 => _chance.Below(int.MaxValue),
        _ => 0,
    };
}
