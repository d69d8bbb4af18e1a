using System.Collections.Immutable;

namespace Dmm.Core.Demand;

/// <summary>
/// A histogram of how much memory was used, weighted towards the recent past: a weight halves with each half-life. Buckets grow by 5 % from
/// 1 MiB, so that a quantile is right to within 5 % from 1 MiB to 60 TiB. The idea comes from Google's Autopilot (EuroSys 2020) and the
/// Kubernetes VPA recommender.
/// </summary>
public sealed class DecayingHistogram(TimeSpan halfLife)
{
    public const int Buckets = 368;

    private const double Growth = 1.05;
    private static readonly double LogGrowth = Math.Log(Growth);
    private static readonly MemorySize[] Edges = [.. Enumerable.Range(0, Buckets)
        .Select(i => MemorySize.FromBytes(Math.Pow(Growth, i) * (1 << 20)))];

    private readonly double[] _weights = new double[Buckets];
    private Moment _reference;
    private double _total;
    private int _top;

    public bool IsEmpty => _total <= 0;

    /// <summary>The weight of all that was added, in seconds as of <paramref name="now"/>.</summary>
    public double Seconds(Moment now) => _total * Decay(now);

    /// <summary>What is in it, as of <paramref name="now"/>; weights below a microsecond are left out.</summary>
    public HistogramRecord Remember(Moment now)
    {
        var decay = Decay(now);
        var (buckets, seconds) = (ImmutableArray.CreateBuilder<int>(), ImmutableArray.CreateBuilder<double>());
        for (var i = 0; i <= _top; i++)
        {
            var weight = Math.Round(_weights[i] * decay, 6);
            if (!(weight > 0))
                continue;
            buckets.Add(i);
            seconds.Add(weight);
        }

        return new(buckets.ToImmutable(), seconds.ToImmutable());
    }

    /// <summary>Adds what was remembered at <paramref name="at"/>.</summary>
    public void Recall(HistogramRecord record, Moment at)
    {
        if (IsEmpty)
            _reference = at;
        var factor = Math.Pow(2, (at - _reference) / halfLife);
        for (var i = 0; i < record.Buckets.Length; i++)
        {
            _weights[record.Buckets[i]] += record.Seconds[i] * factor;
            _total += record.Seconds[i] * factor;
            _top = Math.Max(_top, record.Buckets[i]);
        }
    }

    /// <param name="seconds">How long the use lasted; this is its weight.</param>
    public void Add(MemorySize used, double seconds, Moment at)
    {
        if (!(seconds > 0))
            return;
        if (IsEmpty)
            _reference = at;
        var halfLives = (at - _reference) / halfLife;
        if (halfLives > 50)
        {
            Rebase(halfLives);
            _reference = at;
            halfLives = 0;
        }

        var weight = seconds * Math.Pow(2, halfLives);
        var bucket = BucketOf(used);
        _top = Math.Max(_top, bucket);
        _weights[bucket] += weight;
        _total += weight;
    }

    /// <summary>Returns the upper edge of the bucket that holds the quantile; zero where nothing was added.</summary>
    /// <param name="quantile">0 to 1.</param>
    public MemorySize Quantile(double quantile)
    {
        if (IsEmpty)
            return MemorySize.Zero;
        // Search from the top: callers ask for high quantiles, which lie near it.
        var above = (1 - quantile) * _total;
        var sum = 0.0;
        for (var i = _top; i > 0; i--)
        {
            sum += _weights[i];
            if (sum > above)
                return UpperEdge(i);
        }

        return UpperEdge(0);
    }

    private double Decay(Moment now) => Math.Pow(2, -((now - _reference) / halfLife));

    /// <summary>Scales all weights down. They grow without end as time goes on, and would lose precision.</summary>
    private void Rebase(double halfLives)
    {
        var factor = Math.Pow(2, -halfLives);
        _total = 0;
        for (var i = 0; i <= _top; i++)
            _total += _weights[i] *= factor;
        while (_top > 0 && _weights[_top] <= 0)
            _top--;
    }

    private static int BucketOf(MemorySize used) =>
        used.Mebibytes <= 1 ? 0 : Math.Min(Buckets - 1, (int)Math.Ceiling(Math.Log(used.Mebibytes) / LogGrowth));

    private static MemorySize UpperEdge(int bucket) => Edges[bucket];
}
