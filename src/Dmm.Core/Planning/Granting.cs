using System.Collections.Immutable;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Planning;

/// <summary>What the journal says was promised to a VM.</summary>
/// <param name="Granted">The memory that the VM may have.</param>
/// <param name="Target">
/// The size that the VM was last told to become; below <paramref name="Granted"/> while a shrink is not confirmed.
/// </param>
public sealed record Promise(MemorySize Granted, MemorySize Target)
{
    /// <summary>
    /// The memory beyond the target that the VM takes by itself as soon as its guest is in need, without asking anybody; it is claimed
    /// beside <see cref="Granted"/> beforehand (<see cref="Leasing"/>).
    /// </summary>
    public MemorySize Lease { get; init; }
}

/// <summary>The last report of a VM about its own memory.</summary>
/// <param name="Target">The target that this report answers.</param>
/// <param name="Ceiling">The most that the VM can become from what its devices were told: only memory above this is really back.</param>
public sealed record Confirmation(MemorySize Actual, MemorySize Ceiling, MemorySize? Target)
{
    /// <summary>
    /// The same report, for a VM that may have been told more than it knew of when it reported: it answers no target, so its ceiling
    /// limits nothing.
    /// </summary>
    public Confirmation Unanswered() => this with { Target = null };
}

/// <summary>A change of one promise, and the rule behind it.</summary>
public sealed record PromiseChange(VmId Vm, MemorySize Granted, MemorySize Target, bool Urgent, Ruling Ruling)
{
    private readonly MemorySize? _lease;

    /// <summary>The memory that was granted before.</summary>
    public MemorySize? Was { get; init; }

    /// <summary><see cref="Promise.Lease"/> from now on; null where it has none.</summary>
    public MemorySize? Lease
    {
        get => _lease;
        init => _lease = value is { IsZero: false } ? value : null;
    }

    /// <summary>The promise that the VM has from now on.</summary>
    public Promise Promise() => new(Granted, Target) { Lease = Lease ?? MemorySize.Zero };
}

/// <summary>Growth that the plan allows and that is not promised yet, because the memory is not free yet.</summary>
public readonly record struct Unmet(VmId Vm, MemorySize Missing, bool Urgent);

/// <summary>The promises that can be made now, and the growth that has to wait.</summary>
/// <param name="Changes">The changed promises; all belong into one event.</param>
/// <param name="Unmet">The growth that waits, in the order in which memory that becomes free is promised.</param>
public sealed record Grants(ImmutableArray<PromiseChange> Changes, ImmutableArray<Unmet> Unmet);

/// <summary>
/// Turns a plan into promises that can be kept <i>now</i>: shrink before grow. A shrink is asked at once, but the grant falls only as the
/// VM confirms. Growth is granted from free memory, in parts where necessary. So growth is chained to its peers' shrinks: each part that
/// comes back is promised at once to the next VM, in the order of <see cref="Arbiter.First"/>.
/// </summary>
public static class Granting
{
    /// <summary>Devices move in blocks (virtio-mem: 2 MiB): a smaller part moves nothing.</summary>
    private static readonly MemorySize Block = MemorySize.FromMiB(2);

    /// <param name="standings">
    /// The last report of each VM. The report of a VM that was told something since answers no target
    /// (<see cref="Confirmation.Unanswered()"/>): its devices may be told more than it reports.
    /// </param>
    /// <param name="plan">The allotments of the arbiter.</param>
    /// <param name="kept">Free memory that ordinary growth may not take: it is gathered for a VM to come.</param>
    /// <param name="step">
    /// The smallest change that is worth a resize, unless it is urgent; also the grid to which shrinks are rounded down.
    /// </param>
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

            // The report must answer the target that the VM was last told, not the one that is wanted now: a VM that was promised more in
            // between may still receive that promise. And until it receives the new target, it may still ask its devices, step by step,
            // for all of the last one.
            var granted = standing.Target == promise.Target
                ? MemorySize.Max(
                    target, MemorySize.Min(
                        promise.Granted, MemorySize.Max(MemorySize.Max(standing.Actual, standing.Ceiling), promise.Target)))
                : promise.Granted;
            if (granted == promise.Granted && target == promise.Target)
                continue;
            ledger = ledger.Grant(allotment.Vm, granted) ?? ledger;
            changes.Add(
                new(allotment.Vm, granted, target, allotment.Urgent, allotment.Ruling) { Was = promise.Granted, Lease = promise.Lease });
        }

        growing.Sort(static (a, b) => Arbiter.First(a.Level, a.Allotment, b.Level, b.Allotment));
        var unmet = ImmutableArray.CreateBuilder<Unmet>();
        foreach (var (_, allotment) in growing)
        {
            var promise = promises[allotment.Vm];
            var part = Part(ledger, allotment, promise, kept, step);
            // Its lease is spent first: that memory is claimed for it already.
            var lease = (promise.Granted + promise.Lease).MinusOrZero(part);
            if (part > promise.Granted && ledger.Grant(allotment.Vm, part, lease) is { } after)
            {
                ledger = after;
                changes.Add(
                    new(allotment.Vm, part, part, allotment.Urgent, allotment.Ruling) { Was = promise.Granted, Lease = lease });
            }
            else if (promise.Target < promise.Granted)
            {
                // The VM shrinks, but is now to have more than it is granted. It turns round within its own grant, since that memory
                // can't be promised to another VM yet.
                changes.Add(
                    new(allotment.Vm, promise.Granted, promise.Granted, allotment.Urgent, allotment.Ruling)
                    {
                        Was = promise.Granted,
                        Lease = promise.Lease,
                    });
            }

            if (MemorySize.Max(part, promise.Granted) is var has && has < allotment.Target)
                unmet.Add(new(allotment.Vm, allotment.Target - has, allotment.Urgent));
        }

        // The journal gets a shrink that is still under way only in large steps, unless a VM waits for the memory or the host lacks it.
        if (growing.Count == 0 && kept.IsZero && !inDeficit)
            changes.RemoveAll(change => change.Target == promises[change.Vm].Target && IsSmallStep(change, promises[change.Vm], step));
        return new(changes.ToImmutable(), unmet.ToImmutable());
    }

    /// <summary>
    /// How much of a growth can be promised now: all of it, or what is free. A part is promised only where it is worth a resize: at least
    /// a step for ordinary growth, a device's block for urgent growth. No part leaves less than a step to come, since that would never be
    /// asked for. The last part of a growth is always given, however small.
    /// </summary>
    private static MemorySize Part(Ledger ledger, Allotment allotment, Promise promise, MemorySize kept, MemorySize step)
    {
        // Memory that the VM or its process already holds above its grant is already claimed: promising it takes nothing more from the
        // host.
        var claim = ledger.Claims[allotment.Vm];
        var held = MemorySize.Min(
            allotment.Target, MemorySize.Max(MemorySize.Max(promise.Granted, claim.Actual), claim.Size.MinusOrZero(claim.Overhead)));
        var free = allotment.Urgent ? ledger.Free : ledger.Free.MinusOrZero(kept);
        var lacking = allotment.Target - held;
        if (lacking <= free)
            return allotment.Target;
        var part = held + free.RoundDown(MemorySize.Min(Block, step));
        if (allotment.Urgent)
            return part;
        part = MemorySize.Min(part, allotment.Target.MinusOrZero(step));
        return part >= promise.Granted + step ? part : promise.Granted;
    }

    private static bool IsSmallStep(PromiseChange change, Promise before, MemorySize step) =>
        change.Granted < before.Granted && before.Granted - change.Granted < step.Scale(4) && change.Granted > change.Target + step;

    /// <summary>The target, or the last target where the new one hardly differs from it: a resize must be worth it.</summary>
    private static MemorySize Steady(Allotment allotment, Promise promise, Confirmation standing, VmPolicy policy, MemorySize step)
    {
        if (allotment.Ruling == Ruling.Keep)
        {
            // Keep means that the VM is no longer asked to give. While a shrink is under way, it keeps what it holds now.
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
