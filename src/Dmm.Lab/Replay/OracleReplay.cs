namespace Dmm.Lab.Replay;

/// <summary>
/// Perfect foresight. Each VM has its need at every moment, and not a byte more than its min or its need. The only exception is the
/// time that memory takes to arrive: it is asked for that much earlier. A VM falls short only where the VMs together need more than the
/// host has, and by exactly the missing amount; no law can fall short by less. The figures are computed from the curves, without a
/// replay: the changes of all VMs are sorted once, and any subset of the VMs is one pass over them.
/// </summary>
internal sealed class OracleReplay
{
    private readonly IReadOnlyList<VmPlan> _vms;
    private readonly Totals[] _totals;
    private readonly Change[] _changes;
    private readonly long _end;

    /// <param name="end">The end of the replay, in microseconds.</param>
    public OracleReplay(IReadOnlyList<VmPlan> vms, MechanismDelays delays, long end, CancellationToken cancellation)
    {
        (_vms, _end) = (vms, end);
        _totals = new Totals[vms.Count];
        var changes = new List<Change>();
        for (var i = 0; i < vms.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            _totals[i] = new(i, delays, changes);
            _totals[i].Collect(vms[i], end);
        }

        changes.Sort(static (a, b) => a.At != b.At ? a.At.CompareTo(b.At) : a.Vm.CompareTo(b.Vm));
        _changes = [.. changes];
    }

    /// <summary>∫ need of one VM, in byte-seconds.</summary>
    public double Need(int vm) => _totals[vm].Need;

    /// <param name="takes">True for each VM that is on the host.</param>
    public ReplayFigures Run(long memory, ReadOnlySpan<bool> takes)
    {
        double need = 0, slack = 0, moved = 0, held = 0;
        long resizes = 0, count = 0;
        for (var i = 0; i < takes.Length; i++)
        {
            if (!takes[i])
                continue;
            var vm = _totals[i];
            (need, slack, moved) = (need + vm.Need, slack + vm.Slack, moved + vm.Moved);
            (resizes, count, held) = (resizes + vm.Resizes, count + 1, held + _vms[i].Min.Bytes);
        }

        double slope = 0, shortfall = 0, shortSeconds = 0;
        long at = 0;
        foreach (ref readonly var change in _changes.AsSpan())
        {
            if (!takes[change.Vm])
                continue;
            if (change.At != at)
            {
                var seconds = (change.At - at) * 1e-6;
                Missing(held - memory, slope, seconds, ref shortfall, ref shortSeconds);
                held += slope * seconds;
                at = change.At;
            }

            held += change.Step;
            slope += change.Slope;
        }

        Missing(held - memory, slope, (_end - at) * 1e-6, ref shortfall, ref shortSeconds);
        // For the part of VM-time with a shortfall, one VM bears all that is missing: the least that is possible.
        var vmSeconds = count * _end * 1e-6;
        return new(
            LabLaw.Oracle,
            ReplayFigures.Ratio(shortfall, need),
            ReplayFigures.Ratio(shortSeconds, vmSeconds),
            ReplayFigures.Ratio(slack, need),
            ReplayFigures.Ratio(moved, need / 3600),
            ReplayFigures.Ratio(resizes, vmSeconds / 3600),
            1,
            (int)count,
            0);
    }

    /// <summary>Adds the shortfall of a line that starts at <paramref name="missing"/>; there is none below zero.</summary>
    private static void Missing(double missing, double slope, double seconds, ref double shortfall, ref double shortSeconds)
    {
        var then = missing + (slope * seconds);
        // Rounding errors of a sum of thousands of steps are not a shortfall.
        const double nothing = 1024;
        if (seconds <= 0 || (missing <= nothing && then <= nothing))
            return;
        if (missing >= 0 && then >= 0)
        {
            shortfall += (missing + then) * 0.5 * seconds;
            shortSeconds += seconds;
            return;
        }

        var part = seconds * (Math.Max(missing, then) / Math.Abs(then - missing));
        shortfall += Math.Max(missing, then) * 0.5 * part;
        shortSeconds += part;
    }

    /// <param name="Step">In bytes.</param>
    /// <param name="Slope">In bytes per second.</param>
    private readonly record struct Change(long At, int Vm, double Step, double Slope);

    /// <summary>
    /// One VM's part: max(need, min) over time, as changes of level and of slope, and the figures that follow from it.
    /// </summary>
    private sealed class Totals(int vm, MechanismDelays delays, List<Change> changes)
    {
        public double Need { get; private set; }

        public double Slack { get; private set; }

        public double Moved { get; private set; }

        public long Resizes { get; private set; }

        public void Collect(VmPlan plan, long end)
        {
            var (times, needs, min) = (plan.Need.At, plan.Need.Need, plan.Min.Bytes);
            double held = min;
            for (var k = 0; k < times.Length && times[k] < end; k++)
            {
                var from = Math.Max(needs[k], min);
                if (from != held)
                    Step(times[k], from - held);
                var until = k + 1 < times.Length ? Math.Min(times[k + 1], end) : end;
                var next = plan.Need.Linear && k + 1 < times.Length && times[k + 1] > times[k] ? needs[k + 1] : needs[k];
                var seconds = (until - times[k]) * 1e-6;
                Need += (needs[k] + next) * 0.5 * seconds;
                if (next == needs[k])
                    Slack += Math.Max(0, min - needs[k]) * seconds;
                else
                    Line(times[k], needs[k], until, next, min);
                held = Math.Max(next, min);
            }
        }

        /// <summary>
        /// Adds a step. Memory that is held while it moves is slack: a growth ends when the need comes, a shrink begins when the need
        /// goes.
        /// </summary>
        private void Step(long at, double step)
        {
            changes.Add(new(at, vm, step, 0));
            if (at == 0)
                return;
            var latency = (step > 0 ? 0 : delays.UnplugLatencyMs) * 1e-3;
            var rate = (step > 0 ? delays.PlugMibPerSecond : delays.UnplugMibPerSecond) * (1 << 20);
            var size = Math.Abs(step);
            Slack += (size * size * 0.5 / rate) + (size * latency);
            Moved += size;
            Resizes++;
        }

        private void Line(long at, long need, long until, long next, long min)
        {
            var slope = (next - need) / ((until - at) * 1e-6);
            if (need < min != next < min)
            {
                var crossing = at + (long)((until - at) * ((double)(min - need) / (next - need)));
                Sloped(need < min ? crossing : at, need < min ? until : crossing, slope);
                Slack += (min - Math.Min(need, next)) * 0.5 * ((need < min ? crossing - at : until - crossing) * 1e-6);
            }
            else if (need >= min)
            {
                Sloped(at, until, slope);
            }
            else
            {
                Slack += (min - ((need + next) * 0.5)) * ((until - at) * 1e-6);
            }

            Moved += Math.Abs(Math.Max(next, min) - Math.Max(need, min));
            Resizes += need >= min || next >= min ? 1 : 0;
        }

        private void Sloped(long from, long to, double slope)
        {
            changes.Add(new(from, vm, 0, slope));
            changes.Add(new(to, vm, 0, -slope));
        }
    }
}
