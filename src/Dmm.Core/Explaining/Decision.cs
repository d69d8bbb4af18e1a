using System.Collections.Immutable;
using Dmm.Core.Demand;
using Dmm.Core.Planning;
using Dmm.Core.Vms;

namespace Dmm.Core.Explaining;

/// <summary>The last sample of a guest before a decision was made.</summary>
public sealed record Said(Moment At, SampleSource Source, MemorySize Available, MemorySize Total, MemorySize Swapped);

/// <summary>
/// The decision of one plan for one VM, with the facts behind it. About 400 bytes. It is kept unchanged, so that an explanation tells what
/// was known then, not what would follow now.
/// </summary>
public sealed record Decision
{
    /// <summary>
    /// A figure of the guest or of the forecast that moved by less than this part (or by less than <see cref="Least"/>) does not count as
    /// new.
    /// </summary>
    private const double Noticed = 0.1;
    private static readonly MemorySize Least = MemorySize.FromMiB(32);

    /// <summary>By both clocks: people ask by the wall clock, and ages are measured by the monotonic clock.</summary>
    public required Clocks At { get; init; }

    public VmPhase? Phase { get; init; }

    public required VmPolicy Policy { get; init; }

    public MemorySize? OperatorTarget { get; init; }

    public MemorySize Actual { get; init; }

    /// <summary>As promised by this plan.</summary>
    public required Promise Promise { get; init; }

    /// <summary>The size that the plan is to bring the VM to; the promise follows as memory comes.</summary>
    public MemorySize Planned { get; init; }

    public Ruling Ruling { get; init; }

    public bool Urgent { get; init; }

    public Said? Guest { get; init; }

    public Forecast? Forecast { get; init; }

    /// <summary>The payments of this plan that took memory from it or gave memory to it.</summary>
    public ImmutableArray<Payment> Payments { get; init; } = [];

    public ImmutableArray<Hold> Holds { get; init; } = [];

    public static Decision Of(in Holds.Case c, ImmutableArray<Payment> payments) => new()
    {
        At = c.Planned.At,
        Phase = c.Report?.Phase,
        Policy = c.Vm.Policy,
        OperatorTarget = c.Vm.OperatorTarget,
        Actual = c.Planned.State.Ledger.Claims[c.Bid.Vm].Actual,
        Promise = c.Vm.Promise,
        Planned = c.Allotment.Target,
        Ruling = c.Allotment.Ruling,
        Urgent = c.Allotment.Urgent,
        Guest = c.Report?.Sample is { } s ? new(s.At, s.Source, s.MemAvailable, s.MemTotal, s.SwapTotal.MinusOrZero(s.SwapFree)) : null,
        Forecast = c.Forecast,
        Payments = payments,
        Holds = Explaining.Holds.Of(c),
    };

    /// <summary>Whether this decision says anything that the one before did not.</summary>
    public bool Tells(Decision before) =>
        (Phase, Ruling, Urgent, Promise, OperatorTarget, Policy) != (before.Phase, before.Ruling, before.Urgent, before.Promise,
            before.OperatorTarget, before.Policy)
        || !Payments.IsEmpty
        || !Holds.Select(h => h.Kind).SequenceEqual(before.Holds.Select(h => h.Kind))
        || Moved(Planned, before.Planned)
        || Moved(Actual, before.Actual)
        || Moved(Guest?.Available, before.Guest?.Available)
        || Moved(Forecast?.Demand, before.Forecast?.Demand)
        || Moved(Forecast?.WorkingSet, before.Forecast?.WorkingSet)
        || Moved(Forecast?.ShrinkTo, before.Forecast?.ShrinkTo);

    private static bool Moved(MemorySize? now, MemorySize? before) =>
        now is { } a && before is { } b
            ? (a > b ? a - b : b - a) > MemorySize.Max(Least, b.Scale(Noticed))
            : now is null != before is null;
}
