using Dmm.Core.Vms;

namespace Dmm.Core.Demand;

/// <summary>
/// The estimator and forecaster of one VM, a chain of small ones. Working set = actual − MemAvailable (what the kernel says can't be had
/// without swapping) + the page cache that is really used (<see cref="CacheNeed"/>) + the part of the swapped-out memory that is missed
/// (<see cref="SwapNeed"/>). The level is that of the last sample; the trend is an exponential average of the growth rate; the headroom
/// follows the forecast's own error. A voluntary shrink leaves the high quantile of past use, what this hour needed on earlier days
/// (<see cref="Seasons"/>), and what an earlier shrink showed to be missed (<see cref="ShrinkFloor"/>). Of a guest that ran before its
/// model began it also leaves a part of what the VM held then, until a half-life was seen: what nobody saw may be needed. Pure except for
/// its own memory: time comes with the samples. No sample makes it throw, and no result is more than the VM can have, whatever its guest
/// says.
/// </summary>
/// <param name="ran">True where its guest ran before: what the VM holds now is what it had come to need, and not what it booted with.
/// </param>
public sealed class DemandModel(VmId vm, DemandSettings settings, bool ran = false) : IDemandModel
{
    private const double RateWeight = 0.5;
    private const double ErrorWeight = 0.1;

    /// <summary>
    /// The agent's shortest period, in seconds. Samples that were held up on the way arrive all at once; a rate computed over the tiny time
    /// between two of them would foresee hundreds of gigabytes.
    /// </summary>
    private const double ShortestInterval = 0.1;

    /// <summary>Growth slower than this, in bytes per second, can't stall a guest.</summary>
    private const double GrowthBytesPerSecond = 1 << 20;

    /// <summary>The longest time, in seconds, for which one sample stands.</summary>
    private const double LongestSample = 60;

    private const double HarmSeconds = 2;

    /// <summary>
    /// Factor on the headroom of a guest without an agent: its figures are a second old at best, and it can't call for help.
    /// </summary>
    private const double UnheardHeadroom = 1.5;

    /// <summary>
    /// Half-life of the memory of harm, in seconds. Without this memory, a guest that is spared harm would at once no longer count as one
    /// that memory helps, and memory would go back and forth between two guests that both lack it.
    /// </summary>
    private const double HarmHalfLifeSeconds = 60;

    /// <summary>A stall of less than half a percent of the time is noise.</summary>
    private const double StallNoticed = 0.005;

    /// <summary>
    /// About the time, in seconds, that memory is on its way. Growth within it is need; growth further ahead is only a wish.
    /// </summary>
    private const double OnTheWaySeconds = 0.5;

    /// <summary>
    /// One forecast may at most double a guest, but may always add this much to a small one. A guest that goes on growing is heard again in
    /// a tenth of a second.
    /// </summary>
    private static readonly MemorySize SmallGuest = MemorySize.FromMiB(256);

    private readonly DecayingHistogram _history = new(settings.HalfLife);
    private readonly CacheNeed _cache = new(settings.ProbeHalfLife);
    private readonly SwapNeed _swap = new(settings.ProbeHalfLife);
    private readonly ShrinkFloor _floor = new(settings.FloorHalfLife);
    private readonly Seasons _seasons = new();
    private GuestSample? _last;
    private VmSizes? _lastSizes;
    private MemorySize _used;
    private MemorySize _missed;
    private MemorySize _cached;
    private double _bytesPerSecond;
    private double _errorBytes;
    private double _harm;
    private double _lastingHarm;

    /// <summary>What the VM held when this model began; null before the first sample, and zero where that does not count.</summary>
    private MemorySize? _began;

    /// <summary>The level of use that was recalled, which counts until the first sample after it.</summary>
    private (MemorySize Level, Moment At)? _recalled;

    public Forecast? Current { get; private set; }

    /// <param name="sizes">The VM's sizes as last known when the sample came.</param>
    /// <param name="wall">
    /// The host's time of day. Guests live by it, so hours of the day come from the wall clock; nothing else does.
    /// </param>
    public Forecast Take(GuestSample sample, VmSizes sizes, DateTimeOffset wall, MemorySize? most = null)
    {
        var bound = MemorySize.Min(MemorySize.Max(most ?? MemorySize.MostThereIs, sizes.Base + sizes.Plugged), MemorySize.MostThereIs);
        sample = sample.Within(bound);
        // Counters of different sources can't be compared: balloon statistics have no refaults, and the counters of an agent that is heard
        // again run since its guest's boot.
        if (_last?.Source != sample.Source)
            _last = null;
        var actual = sizes.Actual;
        _began ??= ran ? actual : MemorySize.Zero;
        var occupied = Used(sample, sizes);
        var (missed, cache) = (MemorySize.Zero, MemorySize.Zero);
        var heard = sample.Source == SampleSource.Agent;
        if (heard)
        {
            missed = _swap.Learn(_last, sample, _last is not null && Harm.Between(_last, sample) > StallNoticed);
            cache = _cache.Learn(_last, sample);
        }
        else
        {
            // Without an agent nobody can tell active from idle cache, nor what is read again. Half of the cache counts as used (the
            // balloon's statistics give half as active), and DMM does not probe.
            cache = MemorySize.Min(sample.ActiveFile, sample.MemAvailable);
        }

        var used = MemorySize.Min(occupied + missed + cache, bound);
        var refaulted = 0.0;
        if (_last is { } last)
        {
            Learn(last, sample, used, missed, sizes, bound);
            // Averaged over seconds: a single stall of a millisecond is no harm.
            var seconds = Math.Max(0, (sample.At - last.At).TotalSeconds);
            _harm += (1 - Math.Exp(-seconds / HarmSeconds)) * (Harm.Between(last, sample) - _harm);
            _lastingHarm = Math.Max(_harm, _lastingHarm * Math.Pow(0.5, seconds / HarmHalfLifeSeconds));
            refaulted = Refaulted(last, sample);
        }

        else if (_recalled is { } recalled)
        {
            _history.Add(recalled.Level, Math.Min((sample.At - recalled.At).TotalSeconds, LongestSample), sample.At);
        }

        _recalled = null;
        var floor = _floor.Learn(actual, used, _harm, refaulted, sample.At);
        _seasons.Learn(used, wall);
        (_last, _lastSizes, _used, _missed, _cached) = (sample, sizes, used, missed, cache);

        var urgent = IsUrgent(sample, actual) || (_floor.Hurts && actual < floor);
        var rate = Math.Max(0, _bytesPerSecond);
        var ahead = Math.Min(rate * settings.Horizon.TotalSeconds, Math.Max(used.Bytes, SmallGuest.Bytes));
        var headroom = Math.Max(Math.Max(settings.HeadroomMin.Bytes, used.Bytes * settings.Headroom), 3 * _errorBytes) * (heard ? 1
            : UnheardHeadroom);
        // A guest that swaps survives a lack of memory. Without swap the next fork is killed, so foreseen growth counts as need.
        var swaps = Swaps(sample);
        var soon = swaps ? Math.Min(rate * OnTheWaySeconds, 0.25 * used.Bytes) : ahead;
        if (urgent && !swaps)
            soon = Math.Max(soon, actual.Bytes * 0.25);
        // Nobody knows how much of a burst is still to come, unless the part that has come already shows in swap.
        if (urgent && missed.IsZero)
            ahead = Math.Max(ahead, actual.Bytes * 0.25);
        var need = MemorySize.FromBytes(used.Bytes + soon);
        var demand = MemorySize.Max(MemorySize.FromBytes(used.Bytes + ahead + headroom), _floor.Hurts ? floor : MemorySize.Zero);
        var past = MemorySize.FromBytes((_history.Quantile(settings.ShrinkQuantile) + cache).Bytes + headroom);
        var season = settings.Seasons ? _seasons.Expected(wall) : MemorySize.Zero;
        var began = Began(used, sample.At);
        var shrinkTo = MemorySize.Max(MemorySize.Max(MemorySize.Max(demand, past), MemorySize.Max(floor, season)), began);
        return Current = new(vm, used, MemorySize.Min(demand, bound), MemorySize.Min(shrinkTo, bound), urgent, sample.At)
        {
            Need = MemorySize.Min(need, bound),
            Used = MemorySize.Min(occupied, bound),
            Harm = _lastingHarm,
            BytesPerSecond = _bytesPerSecond,
            Headroom = MemorySize.Min(MemorySize.FromBytes(headroom), bound),
            HeadroomBound = HeadroomBound(used),
            Bound = shrinkTo == demand ? "demand" : shrinkTo == past ? "past use" : shrinkTo == floor ? "a shrink that hurt"
            : shrinkTo == season ? "this hour on earlier days" : "what it held before DMM knew its use",
        };
    }

    /// <inheritdoc/>
    public void Reset()
    {
        (_last, _lastSizes, Current) = (null, null, null);
        (_used, _missed, _cached) = (MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
        (_bytesPerSecond, _harm, _lastingHarm) = (0, 0, 0);
    }

    public ModelRecord? Remember(Clocks now)
    {
        if (_last is not { } last)
            return null;
        // All figures are as of the last sample.
        var at = Moment.Min(last.At, now.Now);
        return new()
        {
            Vm = vm,
            At = now.WallOf(at),
            Began = _began ?? MemorySize.Zero,
            Level = _used.MinusOrZero(_cached),
            Use = _history.Remember(at),
            Seasons = _seasons.Remember(),
            Floor = _floor.Remember(at),
            Cache = _cache.Need,
            SwappedOut = _swap.Out,
            Missed = _swap.Missed,
            ErrorBytes = Math.Round(_errorBytes),
            Harm = Math.Round(_lastingHarm, 6),
        };
    }

    public void Recall(ModelRecord record, Clocks now)
    {
        record.Check();
        var at = now.MomentOf(record.At);
        // After a longer time without a model, what the VM holds now counts.
        if (now.Now - at < settings.HalfLife)
            _began = record.Began;
        _recalled = _last is null ? (record.Level, at) : null;
        _history.Recall(record.Use, at);
        _seasons.Recall(record.Seasons);
        _floor.Recall(record.Floor, at);
        if (record.Cache is { } cache)
            _cache.Recall(cache, at, now.Now);
        _swap.Recall(record.Missed, record.SwappedOut, at);
        _errorBytes = Math.Max(_errorBytes, record.ErrorBytes);
        _lastingHarm = Math.Max(_lastingHarm, record.Harm * Math.Pow(0.5, (now.Now - at).TotalSeconds / HarmHalfLifeSeconds));
    }

    /// <summary>
    /// The part of what the VM held at the beginning that is not yet known to be slack: it sinks evenly to what is used within the first
    /// half-life that is seen.
    /// </summary>
    private MemorySize Began(MemorySize used, Moment at)
    {
        if (_began is not { } held || held <= used)
            return MemorySize.Zero;
        // The weight of one half-life of samples.
        var whole = settings.HalfLife.TotalSeconds / (2 * Math.Log(2));
        var unseen = 1 - (_history.Seconds(at) / whole);
        return unseen > 0 ? used + (held - used).Scale(unseen) : MemorySize.Zero;
    }

    private string HeadroomBound(MemorySize used) =>
        3 * _errorBytes > Math.Max(settings.HeadroomMin.Bytes, used.Bytes * settings.Headroom) ? "the forecast's own error"
        : used.Bytes * settings.Headroom > settings.HeadroomMin.Bytes ? "dmm.demand.headroom"
        : "dmm.demand.headroom-min";

    private static bool Swaps(GuestSample sample) => sample.Source == SampleSource.Agent && !sample.SwapTotal.IsZero;

    private static double Refaulted(GuestSample last, GuestSample sample)
    {
        var seconds = (sample.At - last.At).TotalSeconds;
        return seconds > 0 ? Math.Max(0, (double)sample.Refaults - last.Refaults) * 4096 / seconds : 0;
    }

    /// <summary>
    /// Tells whether the guest is in need. Little available memory alone is not need: an idle guest that was shrunk has little, and that is
    /// as it should be. Need is little memory in a guest that grows, next to none in a guest that can't swap, or a stall.
    /// </summary>
    private bool IsUrgent(GuestSample sample, MemorySize actual)
    {
        var low = MemorySize.Min(settings.LowMemory, actual.Scale(0.15));
        var growing = _bytesPerSecond > GrowthBytesPerSecond;
        return sample.Reason == SampleReason.Stall || (sample.MemAvailable < low.Scale(0.5) && !Swaps(sample))
            || ((sample.MemAvailable < low || sample.Reason == SampleReason.LowMemory) && growing);
    }

    /// <summary>
    /// Returns the memory that the VM has, less the available memory. The sizes come by another way than the sample, and may be a moment
    /// older or newer while a resize is under way, so MemTotal bounds them. MemTotal is the VM's memory, less what the kernel keeps back
    /// before it counts (about 20 MiB), and less what is ballooned, unless the balloon deflates on OOM (then Linux counts ballooned pages
    /// as present).
    /// </summary>
    private static MemorySize Used(GuestSample sample, VmSizes sizes)
    {
        var most = sample.MemTotal + sizes.Ballooned + MemorySize.FromMiB(32) + sample.MemTotal.Scale(1.0 / 64);
        return (sizes.Base + sizes.Plugged).Clamp(sample.MemTotal, most).MinusOrZero(sizes.Ballooned + sample.MemAvailable);
    }

    private void Learn(GuestSample last, GuestSample sample, MemorySize used, MemorySize missed, VmSizes sizes, MemorySize bound)
    {
        var seconds = (sample.At - last.At).TotalSeconds;
        if (!(seconds > 0))
            return;
        // Cache that was found to be unused is not recorded as use.
        _history.Add(_used.MinusOrZero(_cached), Math.Min(seconds, LongestSample), sample.At);

        // While a resize is under way, the used memory is uncertain by some MiB; over a tenth of a second that would look like a burst.
        // What programs and the kernel hold does not depend on the VM's size. Where the source does not report that, nothing is learnt
        // while the size moves.
        var told = sample.Source == SampleSource.Agent && !Held(sample).IsZero && !Held(last).IsZero;
        if (!told && sizes != _lastSizes)
            return;
        double grown = told ? (Held(sample) + missed).Bytes - (Held(last) + _missed).Bytes : used.Bytes - _used.Bytes;
        var surprise = grown - (_bytesPerSecond * seconds);
        // Freed memory is no reason for headroom; growth that was not foreseen is. A surprise counts at most as much as the VM can become.
        _errorBytes += ErrorWeight * Math.Min(1, seconds) * (Math.Clamp(surprise, 0, bound.Bytes) - _errorBytes);
        _bytesPerSecond += RateWeight * ((grown / Math.Max(seconds, ShortestInterval)) - _bytesPerSecond);
    }

    private static MemorySize Held(GuestSample sample) => sample.Anonymous + sample.Shmem + sample.Unreclaimable;
}
