using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Laws;

/// <summary>The settings of DMM's own law beside <see cref="DemandSettings"/>; config/reference.conf gives the reasons.</summary>
public sealed record DmmLawSettings
{
    public DemandSettings Demand { get; init; } = new();

    public TimeSpan Period { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Part of the host's memory that is kept free for fast growth, 0 to 1.</summary>
    public double Cushion { get; init; } = 0.05;

    /// <summary>
    /// Part of the host's memory that is kept free instead of being left as slack in the guests, 0 to 1. Any growth may use it.
    /// </summary>
    public double Spare { get; init; }

    /// <summary>The smallest change that is worth a resize, unless it is urgent.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>A VM whose distance to its goal is below this part of its size is left alone.</summary>
    public double DeadBand { get; init; } = 0.02;

    /// <summary>The least MemAvailable that a shrink leaves the guest.</summary>
    public MemorySize Margin { get; init; } = new MechanismProfile().Margin;

    /// <summary>The most that one VM is asked each second to give of memory that it used lately, as a part of its size, 0 to 1.</summary>
    public double ShrinkRate { get; init; } = 0.1;

    /// <summary>The most that a VM's shares are multiplied by, for the VM that a missing MiB hurts most; 1 is plain shares.</summary>
    public double UtilityWeight { get; init; } = Arbiter.DefaultUtilityWeight;
}

/// <summary>
/// DMM's own law behind the interface that the peers' laws implement: the daemon's <see cref="DemandModel"/> and <see cref="Arbiter"/>,
/// fed with what a guest's agent would report. A guest whose figures do not change is sampled less and less often, since an agent need
/// not repeat itself: after 1, 2, 4 … seconds, at most <see cref="MostSilence"/>. That is also the longest time for which the model lets
/// one sample stand. A guest that drifts by less than a MiB a second is sampled about as often as it has changed by a MiB.
/// </summary>
public sealed class DmmLaw(DmmLawSettings settings) : ILaw, ITellsUrgency
{
    /// <summary>The default argument of <see cref="Leaving"/>.</summary>
    public const double DefaultIdle = 1;

    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Bytes. A smaller change of what a guest uses is no reason for a sample of its own: it is far below any step of a plan, and comes
    /// with the next.
    /// </summary>
    private const long News = 1 << 20;

    private readonly Arbiter _arbiter = new(settings.UtilityWeight);
    private bool _unfinished;
    private Heard[] _heard = [];
    private Known[] _known = [];
    private Bid[] _bids = [];

    /// <summary>Creates DMM's law with its default settings.</summary>
    public DmmLaw()
        : this(new DmmLawSettings())
    {
    }

    public DmmLawSettings Settings => settings;

    /// <summary>
    /// DMM's law, changed so that guests keep less of the memory that they do not use. Below 0.3, guests keep only headroom, which is
    /// <paramref name="part"/> of what they use; all other memory is kept free for urgent growth. From 0.3 to 0.7, they also keep a
    /// rising quantile of past use. From 0.7 on, they also keep slack, but <see cref="DmmLawSettings.Spare"/> of the host is kept free:
    /// all of it at 0.7, falling to nothing at 1.
    /// </summary>
    /// <param name="part">0 to 1; 1 is the law as it is.</param>
    public static DmmLaw Leaving(double part)
    {
        var own = new DmmLawSettings();
        return part switch
        {
            < 0.3 => new(own with { Cushion = 1, Demand = own.Demand with { Headroom = part } }),
            < 0.7 =>
            new(own with
            {
                Spare = 1,
                Demand = own.Demand with
                {
                    Headroom = 0.1 + (0.5 * (part - 0.3)),
                    ShrinkQuantile = 0.5 + (1.2 * (part - 0.3)),
                    Seasons = false,
                },
            }),
            _ => new(own with { Spare = (1 - part) / 0.3 }),
        };
    }

    public string Name => "dmm";

    public TimeSpan Period => settings.Period;

    public LawEvents Hears => LawEvents.Pressure | LawEvents.Population | LawEvents.Confirmed;

    public bool BalloonOnly => false;

    public void Forget(int slot)
    {
        if (slot >= _known.Length)
            return;
        _known[slot] = new();
        _heard[slot] = new();
    }

    public bool IsUrgent(int slot) => slot < _known.Length && _known[slot].Forecast?.Urgent == true;

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        Grow(guests.Length);
        TimeSpan? next = null;
        var count = 0;
        var inNeed = false;
        var changed = _unfinished || why.HasFlag(LawEvents.Population);
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
                continue;
            ref var heard = ref _heard[i];
            var isNew = heard.IsDue(now, guest);
            if (isNew)
            {
                heard.Take(now, guest);
                _known[i].Take(now, guest, why, i, settings.Demand);
            }

            if (next is null || heard.Due < next)
                next = heard.Due;
            if (isNew || heard.Target != targets[i] || count != heard.Place || !HasPolicy(_bids[count], guest))
            {
                (heard.Target, heard.Place) = (targets[i], count);
                var bid = BidOf(_known[i], guest, targets[i]);
                changed |= bid != _bids[count];
                _bids[count] = bid;
            }

            inNeed |= _bids[count].Urgent;
            count++;
        }

        // The same bids lead to the same plan, except for whose turn it is among equals, which is no reason to move memory.
        if (!changed)
            return next;
        var memory = new MemorySize(host.Memory);
        var plan = _arbiter.Decide(
            _bids.AsSpan(0, count), memory, memory.Scale(settings.Cushion), settings.Step, memory.Scale(settings.Spare));
        _unfinished = false;
        var (slot, place, moved) = (0, 0, false);
        foreach (ref readonly var allotment in plan)
        {
            while (!guests[slot].Present)
                slot++;
            if (allotment.Target.Bytes != targets[slot] || allotment.Ruling == Ruling.GivesPast)
            {
                var target = TargetOf(allotment, _bids[place], new(targets[slot]), inNeed, tick: why == LawEvents.None).Bytes;
                moved |= target != targets[slot];
                targets[slot] = target;
            }

            (slot, place) = (slot + 1, place + 1);
        }

        // Memory that is given slowly is asked for again at the next period. And since a guest's target is part of its next bid, a
        // changed target needs another decision.
        return _unfinished || moved ? now : next;
    }

    private MemorySize TargetOf(Allotment allotment, in Bid bid, MemorySize last, bool inNeed, bool tick)
    {
        var target = allotment.Target;
        if (!inNeed && allotment.Ruling == Ruling.GivesPast)
        {
            var step = tick ? MemorySize.Max(settings.Step, bid.Held.Scale(settings.ShrinkRate * settings.Period.TotalSeconds))
            : MemorySize.Zero;
            target = Bidding.Slowly(allotment, bid, last, step);
            _unfinished |= target > allotment.Target;
        }

        // The arbiter counts on these changes, however small they are. A little more headroom is not among them: it did not ask for that.
        var counts = allotment.Urgent || target < last || allotment.Ruling == Ruling.FairShare;
        return counts || target - last >= settings.Step ? target : last;
    }

    /// <summary>Whether the bid was made under the guest's present policy, which its operator may have changed since.</summary>
    private static bool HasPolicy(in Bid bid, in LawGuest guest) =>
        bid.Min.Bytes == guest.Min && bid.Max.Bytes == guest.Max && bid.Shares == guest.Shares;

    private Bid BidOf(Known known, in LawGuest guest, long target)
    {
        var held = new MemorySize(Math.Max(guest.Actual, target));
        return new Bid(
            known.Vm, new(guest.Min), new(guest.Max), guest.Shares, held, held, held, Urgent: false,
            Movable: true)
        { Asked = new(target) }
            .With(known.Forecast!, settings.Step, settings.DeadBand, settings.Margin);
    }

    private void Grow(int slots)
    {
        var before = _known.Length;
        if (slots <= before)
            return;
        Array.Resize(ref _heard, slots);
        Array.Resize(ref _known, slots);
        Array.Resize(ref _bids, slots);
        for (var i = before; i < slots; i++)
            (_heard[i], _known[i]) = (new(), new());
    }

    /// <summary>
    /// The last sample of one guest, and when the next is due. Apart from <see cref="Known"/>, since every guest's is looked at in every
    /// period.
    /// </summary>
    private struct Heard()
    {
        private long _used;
        private long _actual;
        private double _stalled;
        private TimeSpan _takenAt;
        private TimeSpan _interval;

        public TimeSpan Due { get; private set; }

        /// <summary>The target behind its last bid, in bytes.</summary>
        public long Target { get; set; }

        /// <summary>The place of its last bid among all.</summary>
        public int Place { get; set; } = -1;

        public readonly bool IsDue(TimeSpan now, in LawGuest guest) => now >= Due || HasNews(guest);

        /// <summary>A sample is taken.</summary>
        public void Take(TimeSpan now, in LawGuest guest)
        {
            var silence = now - _takenAt;
            var wait = Drifts(guest, silence) ? silence
                : HasNews(guest) ? TimeSpan.Zero
                : TimeSpan.FromTicks(_interval.Ticks * 2);
            _interval = TimeSpan.FromTicks(Math.Clamp(wait.Ticks, TimeSpan.TicksPerSecond, MostSilence.Ticks));
            (_used, _actual, _stalled, _takenAt, Due) = (guest.Used, guest.Actual, guest.Stalled, now, now + _interval);
        }

        private readonly bool HasNews(in LawGuest guest) =>
            Math.Abs(guest.Used - _used) >= News || guest.Actual != _actual || guest.Stalled != _stalled;

        /// <summary>Changes so slowly that the next sample is as far away as the last was.</summary>
        private readonly bool Drifts(in LawGuest guest, TimeSpan silence) =>
            guest.Actual == _actual && guest.Stalled <= 0 && _stalled <= 0
            && Math.Abs(guest.Used - _used) is >= News and var change && change < News * silence.TotalSeconds;
    }

    /// <summary>What the law knows of one guest.</summary>
    private sealed class Known
    {
        private DemandModel? _model;
        private TimeSpan _takenAt;
        private double _stalledMicroseconds;

        public VmId Vm { get; private set; }

        public Forecast? Forecast { get; private set; }

        public void Take(TimeSpan now, in LawGuest guest, LawEvents why, int slot, DemandSettings settings)
        {
            if (_model is null)
            {
                Vm = VmId.Parse($"guest-{slot}");
                _model = new(Vm, settings);
            }

            // The stall share counts for the whole time since the last sample. While a guest stalls it is sampled at every period.
            _stalledMicroseconds += guest.Stalled * (now - _takenAt).TotalMicroseconds;
            _takenAt = now;
            Forecast = _model.Take(SampleOf(now, guest, why, settings), SizesOf(guest), DateTimeOffset.UnixEpoch + now);
        }

        private GuestSample SampleOf(TimeSpan now, in LawGuest guest, LawEvents why, DemandSettings settings) => new()
        {
            At = Moment.Origin + now,
            Source = SampleSource.Agent,
            MemTotal = new(guest.Actual),
            MemFree = new(guest.Free),
            MemAvailable = new(guest.Available),
            Anonymous = new(guest.Used - guest.Swapped),
            InactiveFile = new(guest.Cache),
            SwapTotal = new(guest.Max),
            SwapFree = new MemorySize(guest.Max).MinusOrZero(new(guest.Swapped)),
            StallSomeMicroseconds = (long)_stalledMicroseconds,
            Reason = guest.Swapped > 0 ? SampleReason.Stall
                : why == LawEvents.Pressure && guest.Available < settings.LowMemory.Bytes ? SampleReason.LowMemory
                : SampleReason.Periodic,
        };

        private static VmSizes SizesOf(in LawGuest guest) =>
            new(new(guest.Actual), MemorySize.Zero, MemorySize.Zero, MemorySize.Zero, MemorySize.Zero);
    }
}
