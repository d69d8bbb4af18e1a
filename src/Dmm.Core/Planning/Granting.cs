using System.Collections.Immutable;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Planning;

/// <summary>What the journal says was promised to a VM.</summary>
/// <param name="Granted">What the VM may have.</param>
/// <param name="Target">What it was last told to become; below <paramref name="Granted"/> while a shrink is not confirmed.</param>
public sealed record Promise(MemorySize Granted, MemorySize Target);

/// <summary>What a VM last reported of itself.</summary>
/// <param name="Target">The target that this report answers.</param>
/// <param name="Ceiling">The most that it can become from what its devices were told: only below this is memory really back.</param>
public sealed record Confirmation(MemorySize Actual, MemorySize Ceiling, MemorySize? Target)
{
    /// <summary>The same, of a VM that may have been told more than it knew of when it reported: its ceiling bounds nothing.</summary>
    public Confirmation Unanswered() => this with { Target = null };
}

/// <summary>A change of one promise, and the rule behind it.</summary>
public sealed record PromiseChange(VmId Vm, MemorySize Granted, MemorySize Target, bool Urgent, Ruling Ruling)
{
    /// <summary>What was granted before.</summary>
    public MemorySize? Was { get; init; }
}

/// <summary>Growth that the plan allows and that is not promised yet, because the memory is not free yet.</summary>
public readonly record struct Unmet(VmId Vm, MemorySize Missing, bool Urgent);

/// <summary>What can be promised now, and what has to wait.</summary>
/// <param name="Changes">All belong into one event.</param>
/// <param name="Unmet">In the order in which memory that becomes free is promised.</param>
public sealed record Grants(ImmutableArray<PromiseChange> Changes, ImmutableArray<Unmet> Unmet);

/// <summary>
/// Turns a plan into promises that can be kept <i>now</i>: shrink before grow. A shrink is asked at once, but what was granted comes down
/// only as the VM confirms; a growth is granted from what is free, in parts where it must be. So growth is chained to its peers' shrinks:
/// each part that comes back is promised on at once, in the order of <see cref="Arbiter.First"/>.
/// </summary>
public static class Granting
{
    /// <summary>Devices move in blocks (virtio-mem: 2 MiB): a part that is smaller moves nothing.</summary>
    private static readonly MemorySize Block = MemorySize.FromMiB(2);

    /// <param name="standings">
    /// What each VM last reported. One that has been told something since answers no target (<see cref="Confirmation.Unanswered()"/>): its
    /// devices may be told more than it reports.
    /// </param>
    /// <param name="plan">What the arbiter wants.</param>
    /// <param name="kept">Free memory that ordinary growth may not take: it is being gathered for a VM to come.</param>
    /// <param name="step">The least change worth a resize, unless it is urgent; also the grid that shrinks are rounded down to.</param>
    public static Grants Decide(
        Ledger ledger,
        IReadOnlyDictionary<VmId, Promise> promises,
        IReadOnlyDictionary<VmId, Confirmation> standings,
        ReadOnlySpan<Allotment> plan,
        IReadOnlyDictionary<VmId, VmPolicy> policies,
        MemorySize kept,
        MemorySize step)
    {
        var inDeficit = !ledger.Deficit.IsZero;
        var changes = ImmutableArray.CreateBuilder<PromiseChange>();
        var growing = new List<(double Level, Allotment Allotment)>();
        foreach (var allotment in plan)
        {
            // A VM that has not reported yet keeps what the journal promised it.
            if (allotment.Ruling == Ruling.Immovable || !promises.TryGetValue(allotment.Vm, out var promise)
                || !standings.TryGetValue(allotment.Vm, out var standing))
                continue;
            var policy = policies[allotment.Vm];
            var target = Steady(allotment, promise, standing, policy, step);
            if (target > promise.Granted)
            {
                growing.Add((Arbiter.Level(MemorySize.Max(promise.Granted, standing.Actual), policy), allotment with { Target = target }));
                continue;
            }

            // It is the target last told that must be answered for, not the one wanted now: a VM that was promised more in between may
            // still come to hear of that. And until it hears of the new one it may ask its devices, step by step, for all of the last.
            var granted = standing.Target == promise.Target
                ? MemorySize.Max(
                    target, MemorySize.Min(
                        promise.Granted, MemorySize.Max(MemorySize.Max(standing.Actual, standing.Ceiling), promise.Target)))
                : promise.Granted;
            if (granted == promise.Granted && target == promise.Target)
                continue;
            ledger = ledger.Grant(allotment.Vm, granted) ?? ledger;
            changes.Add(new(allotment.Vm, granted, target, allotment.Urgent, allotment.Ruling) { Was = promise.Granted });
        }

        growing.Sort(static (a, b) => Arbiter.First(a.Level, a.Allotment, b.Level, b.Allotment));
        var unmet = ImmutableArray.CreateBuilder<Unmet>();
        foreach (var (_, allotment) in growing)
        {
            var promise = promises[allotment.Vm];
            var part = Part(ledger, allotment, promise, kept, step);
            if (part > promise.Granted && ledger.Grant(allotment.Vm, part) is { } after)
            {
                ledger = after;
                changes.Add(new(allotment.Vm, part, part, allotment.Urgent, allotment.Ruling) { Was = promise.Granted });
            }
            else if (promise.Target < promise.Granted)
            {
                // It shrinks, and is to have more than it is granted still: it turns round within what is its own, since nobody else can be
                // promised that.
                changes.Add(
                    new(allotment.Vm, promise.Granted, promise.Granted, allotment.Urgent, allotment.Ruling) { Was = promise.Granted });
            }

            if (MemorySize.Max(part, promise.Granted) is var has && has < allotment.Target)
                unmet.Add(new(allotment.Vm, allotment.Target - has, allotment.Urgent));
        }

        // A shrink that is still under way is written down in large steps, unless somebody waits for the memory or the host lacks it.
        if (growing.Count == 0 && kept.IsZero && !inDeficit)
            changes.RemoveAll(change => change.Target == promises[change.Vm].Target && IsSmallStep(change, promises[change.Vm], step));
        return new(changes.ToImmutable(), unmet.ToImmutable());
    }

    /// <summary>
    /// How much of a growth can be promised now: all that is free. In parts only where a part is worth a resize: a step for ordinary
    /// growth, a device's block where it is urgent. What ends the growth is always given, however small.
    /// </summary>
    private static MemorySize Part(Ledger ledger, Allotment allotment, Promise promise, MemorySize kept, MemorySize step)
    {
        // What the VM, or its process, already holds above its grant is claimed already: promising it takes nothing more.
        var claim = ledger.Claims[allotment.Vm];
        var held = MemorySize.Min(
            allotment.Target, MemorySize.Max(MemorySize.Max(promise.Granted, claim.Actual), claim.Size.MinusOrZero(claim.Overhead)));
        var free = allotment.Urgent ? ledger.Free : ledger.Free.MinusOrZero(kept);
        var lacking = allotment.Target - held;
        if (lacking <= free)
            return allotment.Target;
        var part = held + free.RoundDown(MemorySize.Min(Block, step));
        return allotment.Urgent || part >= promise.Granted + step ? part : promise.Granted;
    }

    private static bool IsSmallStep(PromiseChange change, Promise before, MemorySize step) =>
        change.Granted < before.Granted && before.Granted - change.Granted < step.Scale(4) && change.Granted > change.Target + step;

    /// <summary>No resizing for nothing: the last target stands where the new one is hardly another.</summary>
    private static MemorySize Steady(Allotment allotment, Promise promise, Confirmation standing, VmPolicy policy, MemorySize step)
    {
        if (allotment.Ruling == Ruling.Keep)
        {
            // Keeping means: no longer asked to give. While a shrink is under way that is what is held now.
            var held = MemorySize.Max(promise.Target, MemorySize.Min(standing.Actual, promise.Granted));
            return allotment.Target < promise.Granted && allotment.Target < held ? allotment.Target : held;
        }

        var target = allotment.Target;
        if (target < MemorySize.Max(standing.Actual, promise.Granted))
            target = MemorySize.Max(target.RoundDown(step), MemorySize.Min(policy.Min, target));
        var difference = target > promise.Target ? target - promise.Target : promise.Target - target;
        var rises = target > promise.Target;
        return difference < step && !allotment.Urgent && !allotment.Exact && (rises || difference.IsZero) ? promise.Target : target;
    }
}
