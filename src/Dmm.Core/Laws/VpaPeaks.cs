using System.Runtime.CompilerServices;

namespace Dmm.Core.Laws;

/// <summary>
/// The Vertical Pod Autoscaler's histogram of daily memory peaks. Each peak weighs half as much as the one a day younger, and counts as
/// the upper end of its bucket. Buckets grow by 5 % from 10 MB.
/// </summary>
internal struct VpaPeaks
{
    public static readonly TimeSpan Interval = TimeSpan.FromDays(1);

    private const int Days = 16;
    private const double FirstBucket = 1e7;
    private const double Growth = 1.05;
    private const double BumpRatio = 1.2;
    private const long BumpBytes = 100L << 20;
    private static readonly double LogGrowth = Math.Log(Growth);

    /// <summary>The peaks of the last days, the youngest first.</summary>
    private Ring _peaks;
    private int _count;
    private long _usedPeak;

    /// <summary>When the present day of the guest ends.</summary>
    public TimeSpan End { get; private set; }

    public double P50 { get; private set; }

    public double P90 { get; private set; }

    public double P95 { get; private set; }

    public readonly bool IsBegun => _count > 0;

    /// <summary>Whether one more day like this would change no percentile.</summary>
    public readonly bool IsFlat(Sample seen)
    {
        for (var i = 0; i < _count; i++)
        {
            if (_peaks[i] != seen.Peak)
                return false;
        }

        return true;
    }

    /// <summary>Begins a new day if the last one has ended.</summary>
    /// <param name="seen">
    /// The sample that each call since the last would have seen; null where the guest was away: those days do not count.
    /// </param>
    /// <param name="lookEvery">
    /// The law's period: a day that has already lasted this long has had a call before, and counts the last sample.
    /// </param>
    public void Advance(TimeSpan now, Sample? seen, TimeSpan lookEvery)
    {
        if (!IsBegun)
            End = now;
        if (now < End)
            return;
        var begun = (long)((now - End) / Interval) + 1;
        for (var i = Math.Max(1, begun - Days); i < begun && seen is { } all; i++)
            Push(all);
        End += Interval * begun;
        Push(now - (End - Interval) >= lookEvery && seen is { } before ? before : default);
        Tell();
    }

    /// <param name="shortWith">The size with which the guest ran out of memory; null where it did not run out.</param>
    public Sample Take(long used, long? shortWith)
    {
        _usedPeak = Math.Max(_usedPeak, used);
        var sample = new Sample(used, used);
        if (shortWith is { } size)
        {
            var had = Math.Max(size, _usedPeak);
            sample = new(used, Math.Max(had + BumpBytes, (long)(had * BumpRatio)));
        }

        if (sample.Peak > _peaks[0])
        {
            _peaks[0] = sample.Peak;
            Tell();
        }

        return sample;
    }

    private void Push(Sample sample)
    {
        _count = Math.Min(Days, _count + 1);
        for (var i = _count - 1; i > 0; i--)
            _peaks[i] = _peaks[i - 1];
        (_peaks[0], _usedPeak) = (sample.Peak, sample.Used);
    }

    private void Tell()
    {
        Span<(long Peak, double Weight)> sorted = stackalloc (long, double)[_count];
        var total = 0.0;
        for (var i = 0; i < _count; i++)
        {
            var item = (Peak: _peaks[i], Weight: Math.ScaleB(1, -i));
            total += item.Weight;
            var place = i;
            for (; place > 0 && sorted[place - 1].Peak > item.Peak; place--)
                sorted[place] = sorted[place - 1];
            sorted[place] = item;
        }

        (P50, P90, P95) = (Percentile(sorted, 0.50 * total), Percentile(sorted, 0.90 * total), Percentile(sorted, 0.95 * total));
    }

    private static double Percentile(ReadOnlySpan<(long Peak, double Weight)> sorted, double weight)
    {
        var sum = 0.0;
        foreach (var (peak, own) in sorted)
        {
            sum += own;
            if (sum >= weight)
                return BucketEnd(peak);
        }

        return BucketEnd(sorted[^1].Peak);
    }

    private static double BucketEnd(long peak)
    {
        var bucket = (int)(Math.Log((peak * (Growth - 1) / FirstBucket) + 1) / LogGrowth);
        return FirstBucket * (Math.Pow(Growth, bucket + 1) - 1) / (Growth - 1);
    }

    /// <summary>The use and the peak that one call saw.</summary>
    /// <param name="Peak">The use, or the peak that running out of memory counts as.</param>
    public readonly record struct Sample(long Used, long Peak);

    [InlineArray(Days)]
    private struct Ring
    {
        private long _first;
    }
}
