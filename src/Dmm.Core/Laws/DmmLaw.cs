using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Laws;

/// <summary>What DMM's own law goes by beside <see cref="DemandSettings"/>; config/reference.conf has the reasons.</summary>
public sealed record DmmLawSettings
{
    public DemandSettings Demand { get; init; } = new();

    public TimeSpan Period { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Part of the host's memory that is kept free for fast growth, 0 to 1.</summary>
    public double Cushion { get; init; } = 0.05;

    /// <summary>
    /// Part of the host's memory that is kept free where it would be slack in the guests; growth takes of it as it likes, 0 to 1.
    /// </summary>
    public double Spare { get; init; }

    /// <summary>The least change worth a resize, unless it is urgent.</summary>
    public MemorySize Step { get; init; } = MemorySize.FromMiB(16);

    /// <summary>A VM nearer to its goal than this part of its size is left alone.</summary>
    public double DeadBand { get; init; } = 0.02;

    /// <summary>The least MemAvailable that a shrink leaves a guest.</summary>
    public MemorySize Margin { get; init; } = new MechanismProfile().Margin;

    /// <summary>The most that is asked of one VM in a second of what it used lately, a part of its size, 0 to 1.</summary>
    public double ShrinkRate { get; init; } = 0.1;

    /// <summary>
    /// How many times its shares a VM weighs at most where a lack of memory hurts it most for each MiB; 1 is plain shares.
    /// </summary>
    public double UtilityWeight { get; init; } = Arbiter.DefaultUtilityWeight;
}

/// <summary>
/// DMM's own law behind the peers' interface: the daemon's <see cref="DemandModel"/> and <see cref="Arbiter"/>, fed with what its agent
/// would say. A guest that says the same again is asked less and less often, as its agent need not repeat itself: at 1, 2, 4 … seconds, at
/// most <see cref="MostSilence"/>, which is what the model takes one sample to stand for.
/// </summary>
public sealed class DmmLaw(DmmLawSettings settings) : ILaw, ITellsUrgency
{
    /// <summary>Of <see cref="Leaving"/>.</summary>
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

    /// <summary>DMM's law with its own settings.</summary>
    public DmmLaw()
        : this(new DmmLawSettings())
    {
    }

    public DmmLawSettings Settings => settings;

    /// <summary>
    /// The same law where guests keep less of what they do not use. Below 0.3 nothing stays but headroom, so large a part of what is used,
    /// and all else is kept free for urgent growth. Up to 0.7 a rising quantile of past use stays, and from there on slack, as far as the
    /// host is not to be kept free of it (<see cref="DmmLawSettings.Spare"/>).
    /// </summary>
    /// <param name="part">0 to 1, which is the law as it is.</param>
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
            if (isNew || heard.Target != targets[i] || count != heard.Place)
            {
                (heard.Target, heard.Place) = (targets[i], count);
                var bid = BidOf(_known[i], guest, targets[i]);
                changed |= bid != _bids[count];
                _bids[count] = bid;
            }

            inNeed |= _bids[count].Urgent;
            count++;
        }

        // The same bids lead to the same plan, but for whose turn it is among equals: no reason to move memory.
        if (!changed)
            return next;
        var memory = new MemorySize(host.Memory);
        var plan = _arbiter.Decide(
            _bids.AsSpan(0, count), memory, memory.Scale(settings.Cushion), settings.Step, memory.Scale(settings.Spare));
        _unfinished = false;
        var (slot, place, moved) = (0, 0, false);
        foreach (var allotment in plan)
        {
            while (!guests[slot].Present)
                slot++;
            var target = TargetOf(allotment, _bids[place++], new(targets[slot]), inNeed, tick: why == LawEvents.None).Bytes;
            moved |= target != targets[slot];
            targets[slot++] = target;
        }

        // What is given slowly is asked for on from period to period; and what a guest is to have is part of what it bids with.
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

        // The arbiter counts on these, however small they are; it has not asked for a little more headroom.
        var counts = allotment.Urgent || target < last || allotment.Ruling == Ruling.FairShare;
        return counts || target - last >= settings.Step ? target : last;
    }

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
            var drifts = HasNews(guest) && guest.Actual == _actual && guest.Stalled == _stalled && _stalled <= 0
                && Math.Abs(guest.Used - _used) < News * silence.TotalSeconds;
            _interval = drifts ? TimeSpan.FromTicks(Math.Min(MostSilence.Ticks, Math.Max(TimeSpan.TicksPerSecond, silence.Ticks)))
                : HasNews(guest) ? TimeSpan.FromSeconds(1)
                : TimeSpan.FromTicks(Math.Min(MostSilence.Ticks, _interval.Ticks * 2));
            (_used, _actual, _stalled, _takenAt, Due) = (guest.Used, guest.Actual, guest.Stalled, now, now + _interval);
        }

        private readonly bool HasNews(in LawGuest guest) =>
            Math.Abs(guest.Used - _used) >= News || guest.Actual != _actual || guest.Stalled != _stalled;
    }

    /// <summary>What is known of one guest.</summary>
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

            // The whole silence counts as stalled or not; while a guest stalls it is asked at every period.
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
