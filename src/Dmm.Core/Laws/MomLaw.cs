using System.Runtime.CompilerServices;

namespace Dmm.Core.Laws;

/// <summary>
/// oVirt's Memory Overcommitment Manager with its published rules, every 10 s. While at least 20 % of the host is free, each guest below
/// its maximum grows by 5 % of its size, and at least to its use plus 20 % of its size. While less is free, each guest shrinks by at most
/// 5 % of its size, but not below its use plus 20 % of its size × (host free ÷ 20 %). With 5 % or less free, the limit is its use
/// <i>minus</i> (5 % − host free) of its size, which makes the guest swap. Changes of up to 0.25 % of a guest's size are skipped. Use and
/// host free are means over the last 50 s.
/// <para>
/// The law sees what balloon statistics give: the guest's size and MemFree. So page cache counts as used: a guest whose cache fills its
/// idle memory looks full until the host is nearly full. Balloon only.
/// </para>
/// <para>
/// Source: github.com/oVirt/mom, doc/balloon.rules and doc/mom-balloon.conf, mom/Collectors/GuestMemory.py and HostMemory.py. Simplified:
/// the values of the last five periods of 10 s stand for the last ten samples of 5 s; KSM and the swapping of the host itself are left
/// out.
/// </para>
/// </summary>
/// <param name="guestFree">The part of its size that a guest should have free while the host has enough memory, 0 to 1.</param>
/// <param name="hostFree">The free part of the host below which the host is under pressure, above 0 and at most 1.</param>
public sealed class MomLaw(double guestFree = MomLaw.DefaultGuestFree, double hostFree = MomLaw.DefaultHostFree) : ILaw
{
    public const double DefaultGuestFree = 0.20;
    public const double DefaultHostFree = 0.20;

    private const double Critical = 0.05;
    private const double MaxChange = 0.05;
    private const double LeastChange = 0.0025;

    private readonly double _guestFree = guestFree is >= 0 and <= 1
        ? guestFree
        : throw new ArgumentOutOfRangeException(
            nameof(guestFree), guestFree, "What a guest shall have free must be a part of its size, 0 to 1.");

    private readonly double _hostFree = hostFree is > 0 and <= 1
        ? hostFree
        : throw new ArgumentOutOfRangeException(
            nameof(hostFree), hostFree, "The part of the host below which it is under pressure must be above 0 and at most 1.");

    private readonly SlotMemory<Samples> _used = new();
    private Samples _free;
    private TimeSpan? _last;

    public string Name => "mom";

    public TimeSpan Period => TimeSpan.FromSeconds(10);

    public LawEvents Hears => LawEvents.None;

    public bool BalloonOnly => true;

    public void Forget(int slot) => _used.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _used.Reach(guests.Length);
        var looks = _last is { } last ? (int)Math.Min(Math.Round((now - last) / Period), Samples.Kept) : 1;
        _last = looks > 0 ? now : _last;
        _free.Take(host.Free, looks);
        var flat = _free.Flat;
        var free = host.Memory > 0 ? _free.Mean / host.Memory : 0;
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
            {
                _used.Forget(i);
                continue;
            }

            ref var used = ref _used[i];
            used.Take(guest.Actual - guest.Free, looks);
            flat &= used.Flat;
            var size = free < _hostFree ? Shrunk(guest, used.Mean, free) : Grown(guest, used.Mean);
            if (Math.Abs(size - guest.Actual) > LeastChange * guest.Actual)
                targets[i] = (long)size;
            targets[i] = guest.ClampToBalloon(targets[i]);
        }

        return flat ? null : now;
    }

    private double Shrunk(in LawGuest guest, double used, double free)
    {
        var spare = free <= Critical ? free - Critical : _guestFree * (free / _hostFree);
        var floor = Math.Max(guest.Min, used + (spare * guest.Actual));
        return Math.Min(guest.Actual, Math.Max(guest.Actual * (1 - MaxChange), floor));
    }

    private double Grown(in LawGuest guest, double used)
    {
        if (guest.Actual >= guest.BalloonMax)
            return guest.Actual;
        var floor = Math.Max(guest.Min, used + (_guestFree * guest.Actual));
        return Math.Min(guest.BalloonMax, Math.Max(guest.Actual * (1 + MaxChange), floor));
    }

    /// <summary>The last five values of one figure.</summary>
    private struct Samples
    {
        public const int Kept = 5;

        private Ring _ring;
        private int _count;
        private int _next;

        public readonly double Mean
        {
            get
            {
                var sum = 0.0;
                for (var i = 0; i < _count; i++)
                    sum += _ring[i];
                return sum / _count;
            }
        }

        /// <summary>Whether one more sample of the same value would leave the mean unchanged.</summary>
        public readonly bool Flat
        {
            get
            {
                for (var i = 1; i < _count; i++)
                {
                    if (_ring[i] != _ring[0])
                        return false;
                }

                return true;
            }
        }

        /// <param name="looks">
        /// Periods since the last call. Skipped periods count as the last value once more; with 0, nothing is added.
        /// </param>
        public void Take(long value, int looks)
        {
            if (_count == 0)
                looks = 1;
            for (; looks > 1; looks--)
                Add(_ring[(_next + Kept - 1) % Kept]);
            if (looks == 1)
                Add(value);
        }

        private void Add(long value)
        {
            _ring[_next] = value;
            _next = (_next + 1) % Kept;
            _count = Math.Min(Kept, _count + 1);
        }

        [InlineArray(Kept)]
        private struct Ring
        {
            private long _first;
        }
    }
}
