namespace Dmm.Core.Laws;

/// <summary>
/// VMware ESX Server as Waldspurger describes it: shares, with a tax on idle memory. The guest with the fewest shares per page gives
/// first, and an idle page counts as k = 1 ÷ (1 − tax) pages: ρ = S ÷ (P × (f + k × (1 − f))), where f is the active part of the guest's
/// pages P. Guests have their maximum unless memory is overcommitted. Then they get the sizes between min and max at which all have the
/// same ρ, and 6 % of the host stays free. The free memory decides how much is reclaimed: nothing in the high state (from 6 %); down to
/// the targets in soft (from 4 %) and hard (from 2 %); in low (below 2 %) no guest grows either. The law decides every 15 s and when a
/// guest comes or goes.
/// <para>
/// It estimates f by sampling every 30 s, without help from the guest. The largest of a slow average, a fast average and the present
/// sample counts, so that a rise in activity is believed at once and a fall only slowly.
/// </para>
/// <para>
/// Source: C. A. Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002, sections 5 and 6. Simplified: a sample tells
/// exactly what the guest holds in memory as its active part; so cache that is in use counts as idle, and memory that is held but not
/// touched counts as active. An average counts as equal to the sample when they differ by less than 0.5 %, which is half of the
/// resolution of 100 sampled pages. Paging by the host (hard) and stopping guests (low) are not available here; page sharing is left out.
/// The paper gives neither the weights of the averages nor the amount by which free memory must exceed a threshold before a state is
/// left. This project uses weights of ½ and 1/10 a sample, and 1 % of the host.
/// </para>
/// </summary>
/// <param name="tax">The tax on idle memory, from 0 (shares alone) to below 1.</param>
public sealed class EsxLaw(double tax = EsxLaw.DefaultTax) : ILaw
{
    public const double DefaultTax = 0.75;

    private const double HighFree = 0.06;
    private const double SoftFree = 0.04;
    private const double HardFree = 0.02;
    private const double Beyond = 0.01;
    private const double Resolution = 0.005;
    private const double Rounding = 0.001;
    private const double FastWeight = 0.5;
    private const double SlowWeight = 0.1;
    private static readonly TimeSpan SamplePeriod = TimeSpan.FromSeconds(30);

    /// <summary>The cost of an idle page, in active pages (k).</summary>
    private readonly double _idleCost = tax is >= 0 and < 1
        ? 1 / (1 - tax)
        : throw new ArgumentOutOfRangeException(nameof(tax), tax, "The tax on idle memory must be at least 0 and below 1.");

    private readonly SlotMemory<Activity> _activities = new();
    private State _state = State.High;
    private TimeSpan _last;

    private enum State
    {
        Low,
        Hard,
        Soft,
        High,
    }

    public string Name => "esx";

    public TimeSpan Period => TimeSpan.FromSeconds(15);

    public LawEvents Hears => LawEvents.Population;

    public bool BalloonOnly => false;

    public void Forget(int slot) => _activities.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        var samples = (now.Ticks / SamplePeriod.Ticks) - (_last.Ticks / SamplePeriod.Ticks);
        _last = now;
        _state = Next(_state, host.Memory > 0 ? host.Free / (double)host.Memory : 0);
        var steady = Sample(samples, guests);
        var level = Level(guests, host.Memory * (1 - HighFree));
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
                continue;
            var target = (long)(Entitlement(i, guest, level, out _) + Rounding);
            targets[i] = guest.Clamp(_state switch
            {
                State.High => Math.Max(target, guest.Actual),
                State.Low => Math.Min(target, guest.Actual),
                _ => target,
            });
        }

        return steady ? null : TimeSpan.FromTicks(((now.Ticks / SamplePeriod.Ticks) + 1) * SamplePeriod.Ticks);
    }

    /// <summary>
    /// The next state: lower as soon as free memory falls below a state's threshold, higher only well above the next state's threshold.
    /// </summary>
    private static State Next(State state, double free)
    {
        var down = StateOf(free);
        var up = StateOf(free - Beyond);
        return down < state ? down : up > state ? up : state;
    }

    private static State StateOf(double free) =>
        free >= HighFree ? State.High : free >= SoftFree ? State.Soft : free >= HardFree ? State.Hard : State.Low;

    /// <summary>Takes samples of all guests. Returns whether further samples of unchanged guests would change nothing.</summary>
    private bool Sample(long samples, ReadOnlySpan<LawGuest> guests)
    {
        _activities.Reach(guests.Length);
        var steady = true;
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present)
                steady &= _activities[i].Take(samples, Active(guests[i]), guests[i].Actual);
            else
                _activities.Forget(i);
        }

        return steady;
    }

    private static double Active(in LawGuest guest) =>
        guest.Actual > 0 ? Math.Clamp((guest.Used - guest.Swapped) / (double)guest.Actual, 0, 1) : 1;

    /// <summary>
    /// The value of one share at which all guests have the same ρ: P × (f + k × (1 − f)) for one share. The sum of all entitlements is
    /// piecewise linear in it, so Newton's method needs few steps. Each step stays within the bounds found so far.
    /// </summary>
    private double Level(ReadOnlySpan<LawGuest> guests, double memory)
    {
        var (low, high) = (0.0, 0.0);
        for (var i = 0; i < guests.Length; i++)
        {
            if (guests[i].Present)
                high = Math.Max(high, Cost(i, guests[i].Max) / Shares(guests[i]));
        }

        var level = high;
        for (var step = 0; step < 60; step++)
        {
            var (sum, slope) = Sum(guests, level);
            if (Math.Abs(sum - memory) < 1 || (step == 0 && sum <= memory))
                return level;
            (low, high) = sum > memory ? (low, level) : (level, high);
            var newton = level + ((memory - sum) / slope);
            level = newton > low && newton < high ? newton : (low + high) / 2;
        }

        return low;
    }

    /// <summary>The sum of all entitlements, and its slope by the value of a share.</summary>
    private (double Sum, double Slope) Sum(ReadOnlySpan<LawGuest> guests, double level)
    {
        var (sum, slope) = (0.0, 0.0);
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present)
                continue;
            sum += Entitlement(i, guests[i], level, out var own);
            slope += own;
        }

        return (sum, slope);
    }

    /// <summary>The cost of a size: active bytes count once, idle bytes k times.</summary>
    private double Cost(int slot, long size)
    {
        var active = _activities[slot].Bytes;
        return Math.Min(size, active) + (_idleCost * Math.Max(0, size - active));
    }

    /// <summary>The size whose cost equals the value of the guest's shares, limited to its min and max.</summary>
    private double Entitlement(int slot, in LawGuest guest, double level, out double slope)
    {
        var active = _activities[slot].Bytes;
        var worth = level * Shares(guest);
        var size = worth <= active ? worth : active + ((worth - active) / _idleCost);
        slope = size <= guest.Min || size >= guest.Max ? 0 : worth <= active ? Shares(guest) : Shares(guest) / _idleCost;
        return Math.Clamp(size, guest.Min, guest.Max);
    }

    private static int Shares(in LawGuest guest) => Math.Max(1, guest.Shares);

    private struct Activity
    {
        private bool _known;
        private double _present;
        private double _fast;
        private double _slow;

        /// <summary>Active memory of the guest, by the largest of the two averages and the present sample.</summary>
        public double Bytes { get; private set; }

        /// <param name="samples">Samples since the last call; they saw the same as the last call.</param>
        public bool Take(long samples, double active, long actual)
        {
            if (!_known)
                (_known, _present, _fast, _slow) = (true, active, active, active);
            if (samples > 0)
            {
                _fast = Average(_fast, FastWeight, samples);
                _slow = Average(_slow, SlowWeight, samples);
            }

            _present = active;
            Bytes = Math.Max(_present, Math.Max(_fast, _slow)) * actual;
            return _fast == active && _slow == active;
        }

        private readonly double Average(double average, double weight, long samples)
        {
            var difference = (average - _present) * Math.Pow(1 - weight, samples);
            return Math.Abs(difference) < Resolution ? _present : _present + difference;
        }
    }
}
