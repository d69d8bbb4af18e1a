using System.Runtime.CompilerServices;

namespace Dmm.Core.Laws;

/// <summary>
/// Neon's autoscaling, the memory part. Every 5 s: goal = use ÷ 0.75, rounded up to the memory of a compute unit. A guest grows at once.
/// It shrinks when all goals of the working set window, which is minutes wide, have become smaller. A guest whose use reaches 85 % of its
/// memory asks by itself, at once, for one unit more than it has; that request holds for 10 s. The scheduler grants whole units while the
/// host has room.
/// <para>
/// The law sees MemTotal − MemAvailable of a guest, and adds 100 MiB for the kernel; it does not see swapped memory. Memory comes by
/// virtio-mem, so growth is not bounded by what the guest booted with. Each guest is judged by itself; here guests are served in the
/// order of their slots.
/// </para>
/// <para>
/// Source: github.com/neondatabase/autoscaling, pkg/agent/core/goalcu.go, metrics.go and state.go (requested upscaling); the guest's own
/// monitor is vm_monitor of github.com/neondatabase/neon. Simplified: CPU is left out; the window is over use, since the guests here have
/// no Postgres file cache that would show the working set; migration of VMs from full hosts is left out.
/// </para>
/// </summary>
/// <param name="target">Use as a part of memory, above 0 and at most 1.</param>
/// <param name="unit">Memory of a compute unit, bytes.</param>
public sealed class NeonLaw(double target = NeonLaw.DefaultTarget, long unit = NeonLaw.DefaultUnit) : ILaw
{
    public const double DefaultTarget = 0.75;
    public const long DefaultUnit = 1L << 30;

    private const long Kernel = 100L << 20;
    private const double AsksAt = 0.85;
    private static readonly TimeSpan AskedFor = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    private readonly double _target = target is > 0 and <= 1
        ? target
        : throw new ArgumentOutOfRangeException(nameof(target), target, "Use as a part of memory must be above 0 and at most 1.");

    private readonly long _unit = unit > 0 ? unit
        : throw new ArgumentOutOfRangeException(nameof(unit), unit, "A compute unit's memory must be above 0.");

    private readonly SlotMemory<Guest> _guests = new();

    public string Name => "neon";

    public TimeSpan Period => LookEvery;

    public LawEvents Hears => LawEvents.Pressure;

    public bool BalloonOnly => false;

    public void Forget(int slot) => _guests.Forget(slot);

    public TimeSpan? Decide(TimeSpan now, LawEvents why, in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        _guests.Reach(guests.Length);
        TimeSpan? next = null;
        for (var i = 0; i < guests.Length; i++)
        {
            ref readonly var guest = ref guests[i];
            if (!guest.Present)
            {
                _guests.Forget(i);
                continue;
            }

            ref var memory = ref _guests[i];
            Look(ref memory, now, why, guest);
            targets[i] = Math.Min(memory.Goal, guest.Clamp(targets[i]));
            Earlier(ref next, memory.Window.NextLook(now));
            if (now < memory.AskedUntil)
                Earlier(ref next, memory.AskedUntil);
        }

        Grow(host, guests, targets);
        return next;
    }

    private void Look(ref Guest memory, TimeSpan now, LawEvents why, in LawGuest guest)
    {
        var used = guest.Used - guest.Swapped;
        memory.Window.Take(now, Units((used + Kernel) / _target) * _unit);
        if ((why & LawEvents.Pressure) != 0 && used >= AsksAt * guest.Actual)
            (memory.Asked, memory.AskedUntil) = (((guest.Actual / _unit) + 1) * _unit, now + AskedFor);
        memory.Goal = guest.Clamp(Math.Max(memory.Window.Largest, now < memory.AskedUntil ? memory.Asked : 0));
    }

    /// <summary>
    /// Grants whole units for as long as there is room. Memory that a guest still holds from a shrink that is being undone takes no new
    /// room.
    /// </summary>
    private void Grow(in LawHost host, ReadOnlySpan<LawGuest> guests, Span<long> targets)
    {
        var room = LawGuests.Room(host, guests, targets);
        for (var i = 0; i < guests.Length; i++)
        {
            if (!guests[i].Present || _guests[i].Goal <= targets[i])
                continue;
            var held = Math.Max(guests[i].Actual, targets[i]);
            targets[i] = Math.Min(_guests[i].Goal, held + (Math.Max(0, room) / _unit * _unit));
            room -= Math.Max(0, targets[i] - held);
        }
    }

    private static void Earlier(ref TimeSpan? next, TimeSpan? other) => next = next is null || other < next ? other ?? next : next;

    private long Units(double bytes) => (long)Math.Ceiling(bytes / _unit);

    private struct Guest
    {
        public Window Window;
        public long Goal;
        public long Asked;
        public TimeSpan AskedUntil;
    }

    /// <summary>The largest goal of this minute and of each of the five before.</summary>
    private struct Window
    {
        private const int Minutes = 6;

        private Ring _largest;
        private long _last;
        private long _minute;
        private bool _known;

        public readonly long Largest
        {
            get
            {
                var largest = 0L;
                for (var i = 0; i < Minutes; i++)
                    largest = Math.Max(largest, _largest[i]);
                return largest;
            }
        }

        public void Take(TimeSpan now, long goal)
        {
            var minute = now.Ticks / TimeSpan.TicksPerMinute;
            if (!_known)
                (_known, _minute, _last) = (true, minute, goal);
            // Minutes without a call count with the last goal; so does the present minute, if the law had a period in it before.
            for (var m = Math.Max(_minute + 1, minute - Minutes + 1); m <= minute; m++)
                _largest[(int)(m % Minutes)] = m < minute || now - TimeSpan.FromMinutes(minute) >= LookEvery ? _last : 0;
            (_minute, _last) = (minute, goal);
            ref var present = ref _largest[(int)(minute % Minutes)];
            present = Math.Max(present, goal);
        }

        /// <summary>The start of the next minute, if an older and larger goal is still in the window; null otherwise.</summary>
        public readonly TimeSpan? NextLook(TimeSpan now) =>
            Largest > _last ? TimeSpan.FromMinutes((now.Ticks / TimeSpan.TicksPerMinute) + 1) : null;

        [InlineArray(Minutes)]
        private struct Ring
        {
            private long _first;
        }
    }
}
