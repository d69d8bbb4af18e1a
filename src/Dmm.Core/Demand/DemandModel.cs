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

    private readonly DecayingHistogram _history = new(settings.HalfLife);
    private GuestSample? _last;
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
            Learn(used, sample.At, (sample.At - last.At).TotalSeconds);
        _last = sample;
        _used = used;

        // A guest can be heard 10 times a second only while it is low or falling; then its rate is the burst's rate.
        var low = MemorySize.Min(settings.LowMemory, actual.Scale(0.15));
        var urgent = sample.Reason != SampleReason.Periodic || sample.MemAvailable < low.Scale(0.5)
            || (sample.MemAvailable < low && _bytesPerSecond > 0);
        var ahead = Math.Max(0, _bytesPerSecond) * settings.Horizon.TotalSeconds;
        var headroom = Math.Max(Math.Max(settings.HeadroomMin.Bytes, used.Bytes * settings.Headroom), 3 * _errorBytes);
        if (urgent)
            ahead = Math.Max(ahead, actual.Bytes * 0.25);
        var demand = MemorySize.FromBytes(used.Bytes + ahead + headroom);
        var past = MemorySize.FromBytes(_history.Quantile(settings.ShrinkQuantile).Bytes + headroom);
        return Current = new(vm, used, demand, MemorySize.Max(demand, past), urgent, sample.At);
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

    private void Learn(MemorySize used, DateTimeOffset at, double seconds)
    {
        if (!(seconds > 0))
            return;
        var foreseen = _used.Bytes + (_bytesPerSecond * seconds);
        var rate = (used.Bytes - _used.Bytes) / Math.Max(seconds, ShortestInterval);
        _errorBytes += ErrorWeight * Math.Min(1, seconds) * (Math.Abs(used.Bytes - foreseen) - _errorBytes);
        _bytesPerSecond += RateWeight * (rate - _bytesPerSecond);
        _history.Add(_used, Math.Min(seconds, 60), at);
    }
}
