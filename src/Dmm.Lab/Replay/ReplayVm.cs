using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>One VM of a replay: its name, its bounds, and its need.</summary>
/// <param name="Boot">The size that it booted with; a law that uses only balloons never gives it more.</param>
internal sealed record VmPlan(string Name, MemorySize Min, MemorySize Boot, MemorySize Max, int Shares, NeedCurve Need)
{
    /// <summary>The time at which it joins, in microseconds after the start; it has no memory before.</summary>
    public long JoinsAt { get; init; }

    /// <summary>Memory that it claims to use beyond what it uses: guests are not trusted.</summary>
    public MemorySize Lie { get; init; }

    /// <summary>The period in which it does not move, whatever its target; microseconds.</summary>
    public (long From, long To) Stuck { get; init; }
}

/// <summary>
/// The state of one VM during a replay. Between two events its need and its memory move in straight lines (or do not move), so that
/// every integral is exact. Times are microseconds since the start, sizes are bytes.
/// </summary>
internal sealed class ReplayVm
{
    private readonly NeedCurve _curve;
    private int _next;
    private double _needSlope;
    private double _slope;
    private double _cache;

    public ReplayVm(VmPlan plan, bool balloonOnly)
    {
        (Plan, _curve) = (plan, plan.Need);
        (Min, Boot, Max, Shares) = (plan.Min.Bytes, plan.Boot.Bytes, plan.Max.Bytes, plan.Shares);
        Here = plan.JoinsAt == 0;
        Cap = balloonOnly ? Math.Clamp(Boot, Min, Max) : Max;
    }

    public VmPlan Plan { get; }

    public long Min { get; }

    public long Boot { get; }

    public long Max { get; }

    /// <summary>The most that the law's mechanisms can give it.</summary>
    public long Cap { get; }

    public int Shares { get; }

    /// <summary>True once it has joined.</summary>
    public bool Here { get; set; }

    /// <summary>The time up to which the figures and the values below hold.</summary>
    public long At { get; private set; }

    public double Need { get; private set; }

    public double Actual { get; private set; }

    /// <summary>
    /// The size that the host counts for it: during a growth, the granted size; during a shrink, the size at the last confirmed step.
    /// </summary>
    public long Held { get; set; }

    /// <summary>The size that the law wants for it, within its bounds.</summary>
    public long Target { get; set; }

    /// <summary>Its position in the line for memory; 0: it does not wait.</summary>
    public long Waits { get; set; }

    /// <summary>The end of the movement's present step; while it does not move, its present size.</summary>
    public long StepEnd { get; private set; }

    public bool Moving { get; private set; }

    /// <summary>True while the mechanism's reaction is awaited; <see cref="Moving"/> begins then.</summary>
    public bool Starting { get; set; }

    public bool Growing => StepEnd > Actual;

    /// <summary>True while its need moves in a line.</summary>
    public bool Drifts => _needSlope != 0;

    public double Cache => _cache;

    public bool Short => Need > Actual;

    public double ShortfallByteSeconds { get; private set; }

    public double SlackByteSeconds { get; private set; }

    public double NeedByteSeconds { get; private set; }

    public double ShortSeconds { get; private set; }

    /// <summary>The same shortfall, split by what it waited for.</summary>
    public ShortfallCauses Causes { get; } = new();

    /// <summary>True where the law has looked since the need last rose.</summary>
    public bool Heard { get; set; } = true;

    public double MovedBytes { get; private set; }

    public long Resizes { get; set; }

    /// <summary>The time of the need's next change; <see cref="long.MaxValue"/> after the trace.</summary>
    public long NextNeedAt => _next < _curve.At.Length ? _curve.At[_next] : long.MaxValue;

    /// <summary>Gives it its memory at the start.</summary>
    public void Place(long actual) => (Actual, StepEnd, Held) = (actual, actual, actual);

    /// <summary>The time at which a stuck VM can move again; otherwise <paramref name="now"/>.</summary>
    public long StuckUntil(long now) => now >= Plan.Stuck.From && now < Plan.Stuck.To ? Plan.Stuck.To : now;

    /// <summary>Takes the next point of the need's curve, which is due at <paramref name="now"/>.</summary>
    public void TakeNeed(long now)
    {
        Advance(now);
        var before = Need;
        Need = _curve.Need[_next++];
        Heard &= Need <= before;
        _needSlope = 0;
        if (_curve.Linear && _next < _curve.At.Length && _curve.At[_next] > now)
            _needSlope = (_curve.Need[_next] - Need) / (_curve.At[_next] - now);
    }

    /// <summary>Moves evenly towards <paramref name="end"/>, which is reached at <paramref name="at"/>.</summary>
    public void Move(long end, long now, long at)
    {
        Advance(now);
        (StepEnd, Moving) = (end, true);
        _slope = (end - Actual) / (at - now);
    }

    /// <summary>Ends the step exactly at its end.</summary>
    public void Arrive(long now)
    {
        Advance(now);
        Actual = StepEnd;
        (_slope, Moving) = (0, false);
    }

    /// <summary>Stops at its present size, rounded down to a whole byte, so that it never counts for more than it has.</summary>
    public void Halt(long now)
    {
        Advance(now);
        StepEnd = (long)Actual;
        Actual = StepEnd;
        (_slope, Moving, Starting) = (0, false, false);
    }

    /// <summary>Adds up the figures until <paramref name="now"/>, and moves the values to that moment.</summary>
    public void Advance(long now)
    {
        var micros = now - At;
        if (micros == 0)
            return;
        var (need, actual) = (Need + (_needSlope * micros), Actual + (_slope * micros));
        var seconds = micros * 1e-6;
        NeedByteSeconds += (Need + need) * 0.5 * seconds;
        Count(Need - Actual, need - actual, seconds);
        if (Need > Actual || need > actual)
            Causes.Add(this, need, actual, seconds);
        MovedBytes += Math.Abs(actual - Actual);
        (At, Need, Actual) = (now, need, actual);
    }

    /// <summary>Fills idle memory with page cache at a bounded rate. Cache is the first to go when memory goes.</summary>
    /// <param name="bytesPerMicrosecond">The rate at which it fills.</param>
    /// <param name="since">The time of the last look.</param>
    /// <returns>True while it is still filling.</returns>
    public bool Fill(double bytesPerMicrosecond, long since)
    {
        // A guest at rest keeps some memory free: the least of half of its idle memory, 256 MiB and 3 % of its size.
        var room = Math.Max(0, Actual - Need);
        var most = room - Math.Min(room * 0.5, Math.Min(256L << 20, Actual * 0.03));
        _cache = Math.Min(_cache + (bytesPerMicrosecond * (At - since)), most);
        return _cache < most;
    }

    /// <summary>
    /// Adds the integrals of the positive and of the negative part of a line from <paramref name="from"/> to <paramref name="to"/>.
    /// </summary>
    private void Count(double from, double to, double seconds)
    {
        if (from >= 0 && to >= 0)
        {
            ShortfallByteSeconds += (from + to) * 0.5 * seconds;
            if (from > 0 || to > 0)
                ShortSeconds += seconds;
        }
        else if (from <= 0 && to <= 0)
        {
            SlackByteSeconds -= (from + to) * 0.5 * seconds;
        }
        else
        {
            var crossing = seconds * (from / (from - to));
            Count(from, 0, crossing);
            Count(0, to, seconds - crossing);
        }
    }
}
