using Dmm.Core;
using Dmm.Lab.Traces;

namespace Dmm.Lab.Replay;

/// <summary>One VM of a replay: who it is, its bounds, and what it needs.</summary>
/// <param name="Boot">What it booted with; a law that knows balloons alone never gives it more.</param>
internal sealed record VmPlan(string Name, MemorySize Min, MemorySize Boot, MemorySize Max, int Shares, NeedCurve Need)
{
    /// <summary>Microseconds after the start; it has nothing before.</summary>
    public long JoinsAt { get; init; }

    /// <summary>What it says that it uses, beside what it does: a guest is not trusted.</summary>
    public MemorySize Lie { get; init; }

    /// <summary>In which it does not move, whatever it is told; microseconds.</summary>
    public (long From, long To) Stuck { get; init; }
}

/// <summary>
/// One VM in the course of a replay. Between two events its need and its memory move in lines (mostly: not at all), so every integral is
/// exact. Times are microseconds since the start, sizes bytes.
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

    /// <summary>It has joined.</summary>
    public bool Here { get; set; }

    /// <summary>Until when the figures and the values below hold.</summary>
    public long At { get; private set; }

    public double Need { get; private set; }

    public double Actual { get; private set; }

    /// <summary>
    /// What the host counts for it: what it was granted while it grows, what it had when the last step of a shrink was confirmed.
    /// </summary>
    public long Held { get; set; }

    /// <summary>What the law wants for it, within what it can be.</summary>
    public long Target { get; set; }

    /// <summary>Its place in the line for memory; 0: it does not wait.</summary>
    public long Waits { get; set; }

    /// <summary>The end of the movement's step that is under way; where it stands still, what it has.</summary>
    public long StepEnd { get; private set; }

    public bool Moving { get; private set; }

    /// <summary>The mechanism's answer is awaited; <see cref="Moving"/> begins then.</summary>
    public bool Starting { get; set; }

    public bool Growing => StepEnd > Actual;

    /// <summary>Its need moves in a line.</summary>
    public bool Drifts => _needSlope != 0;

    public double Cache => _cache;

    public bool Short => Need > Actual;

    public double ShortfallByteSeconds { get; private set; }

    public double SlackByteSeconds { get; private set; }

    public double NeedByteSeconds { get; private set; }

    public double ShortSeconds { get; private set; }

    /// <summary>The same shortfall, by what it waited for.</summary>
    public ShortfallCauses Causes { get; } = new();

    /// <summary>The law has looked since the need last rose.</summary>
    public bool Heard { get; set; } = true;

    public double MovedBytes { get; private set; }

    public long Resizes { get; set; }

    /// <summary>When the need changes next; <see cref="long.MaxValue"/> after the trace.</summary>
    public long NextNeedAt => _next < _curve.At.Length ? _curve.At[_next] : long.MaxValue;

    /// <summary>Sets it down at the start with what it has there.</summary>
    public void Place(long actual) => (Actual, StepEnd, Held) = (actual, actual, actual);

    /// <summary>When it can move again, where it is stuck; otherwise <paramref name="now"/>.</summary>
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

    /// <summary>Moves to <paramref name="end"/>, evenly, until <paramref name="at"/>.</summary>
    public void Move(long end, long now, long at)
    {
        Advance(now);
        (StepEnd, Moving) = (end, true);
        _slope = (end - Actual) / (at - now);
    }

    /// <summary>Arrives at the end of the step, exactly.</summary>
    public void Arrive(long now)
    {
        Advance(now);
        Actual = StepEnd;
        (_slope, Moving) = (0, false);
    }

    /// <summary>Stands still where it is, on a whole byte: never on more than it has.</summary>
    public void Halt(long now)
    {
        Advance(now);
        StepEnd = (long)Actual;
        Actual = StepEnd;
        (_slope, Moving, Starting) = (0, false, false);
    }

    /// <summary>Counts what has happened until <paramref name="now"/>, and takes over the values of that moment.</summary>
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

    /// <summary>Page cache fills what is idle, at a bounded rate, and goes first when memory does.</summary>
    /// <param name="bytesPerMicrosecond">How fast it fills.</param>
    /// <param name="since">When it was looked at last.</param>
    /// <returns>Whether it still fills.</returns>
    public bool Fill(double bytesPerMicrosecond, long since)
    {
        // As a guest at rest has it: a little stays free.
        var room = Math.Max(0, Actual - Need);
        var most = room - Math.Min(room * 0.5, Math.Min(256L << 20, Actual * 0.03));
        _cache = Math.Min(_cache + (bytesPerMicrosecond * (At - since)), most);
        return _cache < most;
    }

    /// <summary>
    /// The integrals of the positive and of the negative part of a line from <paramref name="from"/> to <paramref name="to"/>.
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
