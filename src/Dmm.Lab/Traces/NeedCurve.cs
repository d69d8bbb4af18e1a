using Dmm.Core;

namespace Dmm.Lab.Traces;

/// <summary>The assumption about a VM's need between two samples of its trace, where it is unknown.</summary>
public enum BetweenSamples
{
    /// <summary>The need steps to the next sample's value at a seeded random instant of the interval: the hard case.</summary>
    Step,

    /// <summary>The need moves to the next value in a line.</summary>
    Linear,
}

/// <summary>
/// One VM's exact need over time. At <c>At[k]</c> it is <c>Need[k]</c>; until the next point it stays so, or moves in a line to
/// <c>Need[k + 1]</c>. Two points at the same time are a step. A VM that is off needs nothing: while its rows are zero, while they are
/// missing for longer than <see cref="VmTrace.MostSilence"/>, before its first row and after its last.
/// </summary>
/// <param name="At">Microseconds since the replay's start; the first is 0.</param>
/// <param name="Need">In bytes.</param>
internal sealed record NeedCurve(long[] At, long[] Need, bool Linear)
{
    private const long Second = 1_000_000;

    /// <param name="origin">The replay's start, in seconds since 1970.</param>
    /// <param name="end">The replay's end, in seconds since 1970.</param>
    public static NeedCurve Of(VmTrace trace, BetweenSamples between, long origin, long end, ulong seed)
    {
        // Each VM has its own random source, so that its need does not depend on the other VMs.
        var chance = new SeededRandom(seed ^ HashOf(trace.Name));
        var points = new Points((end - origin) * Second, between == BetweenSamples.Linear);
        long? last = null;
        long lastNeed = 0;
        for (var k = 0; k < trace.Seconds.Length; k++)
        {
            var at = (trace.Start + trace.Seconds[k] - origin) * Second;
            var need = (long)trace.UsedKib[k] << 10;
            // One number is drawn for each row, used or not, so that a part of a trace replays as it does within the whole.
            var part = (chance.Next() >> 11) * (1.0 / (1UL << 53));
            if (last is { } before && at - before <= VmTrace.MostSilence * Second)
            {
                if (between == BetweenSamples.Step)
                    points.Step(before + (long)((at - before) * part), need);
                else
                    points.Line(before, lastNeed, at, need);
            }
            else
            {
                if (last is { } then)
                    points.Step(then + (VmTrace.UsualInterval * Second), 0);
                var on = last is null ? at : at - (VmTrace.UsualInterval * Second) + (long)(VmTrace.UsualInterval * Second * part);
                points.Step(on, need);
            }

            (last, lastNeed) = (at, need);
        }

        if (last is { } final)
            points.Step(final + (VmTrace.UsualInterval * Second), 0);
        return points.Curve();
    }

    /// <summary>The FNV-1a hash. .NET's own hash of a string differs from process to process.</summary>
    private static ulong HashOf(string name)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in name)
            hash = (hash ^ c) * 1099511628211UL;
        return hash;
    }

    /// <summary>Collects points within the replay's time, and drops those that change nothing.</summary>
    private sealed class Points(long length, bool linear)
    {
        private readonly List<long> _at = [0];
        private readonly List<long> _need = [0];

        public void Step(long at, long need)
        {
            if (at >= length)
                return;
            at = Math.Max(0, at);
            if (linear)
                Add(at, _need[^1]);
            Add(at, need);
        }

        public void Line(long from, long fromNeed, long to, long toNeed)
        {
            if (to <= 0 || from >= length)
                return;
            if (from < 0)
                (from, fromNeed) = (0, Between(from, fromNeed, to, toNeed, 0));
            if (to > length)
                (to, toNeed) = (length, Between(from, fromNeed, to, toNeed, length));
            Add(from, fromNeed);
            Add(to, toNeed);
        }

        public NeedCurve Curve() => new([.. _at], [.. _need], linear);

        private void Add(long at, long need)
        {
            // Only the last point at a moment counts, unless a line ends there.
            if (_at[^1] == at && (!linear || at == 0 || _need[^1] == need))
                _need[^1] = need;
            else if (linear || _need[^1] != need)
            {
                _at.Add(at);
                _need.Add(need);
            }
        }

        private static long Between(long from, long fromNeed, long to, long toNeed, long at) =>
            fromNeed + (long)((toNeed - fromNeed) * ((double)(at - from) / (to - from)));
    }
}
