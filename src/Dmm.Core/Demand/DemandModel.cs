using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// One VM's estimator and forecaster, first form. Working set = actual − MemAvailable (what the kernel says can't be had without
/// swapping); level by the last sample, trend by an exponential average of the rate of growth, headroom from the forecast's own error.
/// Pure but for its own memory: time comes with the samples.
/// </summary>
public sealed class DemandModel(VmId vm, DemandSettings settings)
{
    private const double RateWeight = 0.5;
    private const double ErrorWeight = 0.1;

    /// <summary>
    /// The agent's shortest period. Samples that were held up on the way come all at once: taken at their word, a rate over what lies between two
    /// of them would foresee hundreds of gigabytes.
    /// </summary>
    private const double ShortestInterval = 0.1;

    /// <summary>Slower than this is not growth that a guest could be stalled by.</summary>
    private const double GrowthBytesPerSecond = 1 << 20;

    private readonly DecayingHistogram _history = new(settings.HalfLife);
    private GuestSample? _last;
    private VmSizes? _lastSizes;
    private MemorySize _used;
    private double _bytesPerSecond;
    private double _errorBytes;

    public Forecast? Current { get; private set; }

    /// <param name="sizes">The VM's sizes as last known when the sample came.</param>
    public Forecast Take(GuestSample sample, VmSizes sizes)
    {
        var actual = sizes.Actual;
        var used = Used(sample, sizes);
        if (_last is { } last)
            Learn(last, sample, used, sizes);
        (_last, _lastSizes, _used) = (sample, sizes, used);

        var urgent = IsUrgent(sample, actual);
        var ahead = Math.Max(0, _bytesPerSecond) * settings.Horizon.TotalSeconds;
        var headroom = Math.Max(Math.Max(settings.HeadroomMin.Bytes, used.Bytes * settings.Headroom), 3 * _errorBytes);
        if (urgent)
            ahead = Math.Max(ahead, actual.Bytes * 0.25);
        var demand = MemorySize.FromBytes(used.Bytes + ahead + headroom);
        var past = MemorySize.FromBytes(_history.Quantile(settings.ShrinkQuantile).Bytes + headroom);
        return Current = new(vm, used, demand, MemorySize.Max(demand, past), urgent, sample.At);
    }

    /// <summary>
    /// Little memory alone is no need: an idle guest that was shrunk has little, and that is well so. Need is little memory in a guest that
    /// grows, next to none, or a stall.
    /// </summary>
    private bool IsUrgent(GuestSample sample, MemorySize actual)
    {
        var low = MemorySize.Min(settings.LowMemory, actual.Scale(0.15));
        var growing = _bytesPerSecond > GrowthBytesPerSecond;
        return sample.Reason == SampleReason.Stall || sample.MemAvailable < low.Scale(0.5)
            || ((sample.MemAvailable < low || sample.Reason == SampleReason.LowMemory) && growing);
    }

    /// <summary>
    /// What the VM has, less what is available. The sizes come another way than the sample and may be a moment older or newer while a resize is
    /// under way, so MemTotal bounds them: it is what the VM has, less what the kernel keeps back before it counts (about 20 MiB), and less what
    /// is ballooned, unless the balloon deflates on OOM (then Linux counts ballooned pages as there).
    /// </summary>
    private static MemorySize Used(GuestSample sample, VmSizes sizes)
    {
        var most = sample.MemTotal + sizes.Ballooned + MemorySize.FromMiB(32) + sample.MemTotal.Scale(1.0 / 64);
        return (sizes.Base + sizes.Plugged).Clamp(sample.MemTotal, most).MinusOrZero(sizes.Ballooned + sample.MemAvailable);
    }

    private void Learn(GuestSample last, GuestSample sample, MemorySize used, VmSizes sizes)
    {
        var seconds = (sample.At - last.At).TotalSeconds;
        if (!(seconds > 0))
            return;
        _history.Add(_used, Math.Min(seconds, 60), sample.At);

        // A resize under way makes what is used uncertain by some MiB, which over a tenth of a second would look like a burst. What programs
        // and the kernel hold does not depend on the VM's size; where that is not told, nothing is learnt while the size moves.
        var told = sample.Source == SampleSource.Agent && !Held(sample).IsZero && !Held(last).IsZero;
        if (!told && sizes != _lastSizes)
            return;
        double grown = told ? Held(sample).Bytes - Held(last).Bytes : used.Bytes - _used.Bytes;
        var surprise = grown - (_bytesPerSecond * seconds);
        // Memory that was freed is no reason for headroom; growth that was not foreseen is.
        _errorBytes += ErrorWeight * Math.Min(1, seconds) * (Math.Max(0, surprise) - _errorBytes);
        _bytesPerSecond += RateWeight * ((grown / Math.Max(seconds, ShortestInterval)) - _bytesPerSecond);
    }

    private static MemorySize Held(GuestSample sample) => sample.Anonymous + sample.Shmem + sample.Unreclaimable;
}
