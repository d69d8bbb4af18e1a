using Dmm.Core.Vms;

namespace Dmm.Core.Admission;

/// <summary>
/// How a VM was seen to shrink: how fast, and how reliably it gave what it was told to give. Every report updates it. Until the VM has been
/// seen to move, it holds a guess, which is soon replaced. It is not persisted, as samples are not: after a restart of the daemon the
/// history of every VM is unknown.
/// </summary>
public sealed record ShrinkHistory
{
    /// <summary>
    /// The rate per second that is assumed for an unknown VM. virtio-mem and the balloon of an idle guest give a GiB in 0.3 to 3 s
    /// (docs/develop/hotplug.md); DMM asks step by step, which is slower.
    /// </summary>
    public static readonly MemorySize UnknownRate = MemorySize.FromMiB(200);

    public const double UnknownTrust = 0.9;

    private const double MostTrust = 0.98;
    private const double LeastTrust = 0.1;

    /// <summary>A shrink of less than this says nothing about a rate.</summary>
    private static readonly MemorySize Worth = MemorySize.FromMiB(16);

    private static readonly MemorySize Tolerance = MemorySize.FromMiB(4);

    /// <summary>The rate at which the VM was seen to shrink, per second.</summary>
    public MemorySize Rate { get; private init; } = UnknownRate;

    /// <summary>The part of what it is asked for that is counted on, 0.1 to 0.98.</summary>
    public double Trust { get; private init; } = UnknownTrust;

    private Moment? Began { get; init; }

    private MemorySize BeganWith { get; init; }

    private VmPhase Phase { get; init; }

    /// <summary>Its rate in the shrink under way. Where it is slower than <see cref="Rate"/>, it counts.</summary>
    private MemorySize Lately { get; init; } = new(long.MaxValue);

    public MemorySize Pace => MemorySize.Max(MemorySize.FromMiB(1), MemorySize.Min(Rate, Lately));

    public TimeSpan TimeFor(MemorySize size) => TimeSpan.FromSeconds(Math.Min(86_400, size.Bytes / (double)Pace.Bytes));

    /// <summary>Its guest said that it gave memory, but the host never got that memory back.</summary>
    public ShrinkHistory Kept() => this with { Trust = Math.Max(LeastTrust, Trust * 0.5) };

    /// <param name="target">The size that it was last told to become.</param>
    public ShrinkHistory Observe(MemorySize actual, MemorySize target, VmPhase phase, Moment now)
    {
        var fails = phase != Phase && phase is (VmPhase.Stuck or VmPhase.Uncooperative);
        // A paused VM is neither slow nor unwilling.
        if (phase == VmPhase.Paused)
            return this with { Phase = phase, Began = null, Lately = new(long.MaxValue) };
        var next = this with { Phase = phase, Trust = fails ? Math.Max(LeastTrust, Trust * 0.5) : Trust };
        var owes = actual > target + Tolerance;
        if (Began is not { } began)
            return owes ? next with { Began = now, BeganWith = actual } : next;
        var (moved, seconds) = (BeganWith.MinusOrZero(actual), (now - began).TotalSeconds);
        var rate = seconds > 0 ? MemorySize.FromBytes(moved.Bytes / seconds) : next.Rate;
        if (owes)
            return seconds >= 1 ? next with { Lately = rate } : next;
        // It has given all that it was asked for, or the request was withdrawn (which tells only how fast it was).
        next = next with { Began = null, Lately = new(long.MaxValue) };
        return moved < Worth
            ? next
            : next with
            {
                Rate = MemorySize.FromBytes((0.5 * next.Rate.Bytes) + (0.5 * rate.Bytes)),
                Trust = next.Trust
                + (0.3 * (MostTrust - next.Trust))
            };
    }
}
