using System.Collections.Immutable;
using Dmm.Core.Arbitration;
using Dmm.Core.Vms;

namespace Dmm.Core.Memory;

/// <summary>What the journal says was promised to a VM.</summary>
/// <param name="Granted">What the VM may have.</param>
/// <param name="Target">What it was last told to become; below <paramref name="Granted"/> while a shrink is not confirmed.</param>
public sealed record Promise(MemorySize Granted, MemorySize Target);

/// <summary>What a VM last reported of itself.</summary>
/// <param name="Target">The target that this report answers.</param>
/// <param name="Ceiling">The most that it can become from what its devices were told: only below this is memory really back.</param>
public sealed record Standing(MemorySize Actual, MemorySize Ceiling, MemorySize? Target);

/// <summary>A change of one promise, and the rule behind it.</summary>
public sealed record PromiseChange(VmId Vm, MemorySize Granted, MemorySize Target, bool Urgent, Ruling Ruling)
{
    /// <summary>What was granted before.</summary>
    public MemorySize? Was { get; init; }
}

/// <summary>
/// Turns a plan into promises that can be kept <i>now</i>: shrink before grow. A shrink is asked at once, but what was granted comes down only
/// as the VM confirms; a growth is granted from what is free, in parts where it must be. All changes belong into one event.
/// </summary>
public static class Granting
{
    /// <param name="plan">What the arbiter wants.</param>
    /// <param name="kept">Free memory that ordinary growth may not take: it is being gathered for a VM to come.</param>
    /// <param name="step">The least change worth a resize, unless it is urgent; also the grid that shrinks are rounded down to.</param>
    public static ImmutableArray<PromiseChange> Next(
        Ledger ledger,
        IReadOnlyDictionary<VmId, Promise> promises,
        IReadOnlyDictionary<VmId, Standing> standings,
        ReadOnlySpan<Allotment> plan,
        IReadOnlyDictionary<VmId, VmPolicy> policies,
        MemorySize kept,
        MemorySize step)
    {
        var changes = ImmutableArray.CreateBuilder<PromiseChange>();
        var growing = new List<Allotment>();
        foreach (var allotment in plan)
        {
            // A VM that has not reported yet keeps what the journal promised it.
            if (allotment.Ruling == Ruling.Immovable || !promises.TryGetValue(allotment.Vm, out var promise) || !standings.TryGetValue(allotment.Vm, out var standing))
                continue;
            var target = Steady(allotment, promise, standing, policies[allotment.Vm], step);
            if (target > promise.Granted)
            {
                growing.Add(allotment with { Target = target });
                continue;
            }

            var granted = standing.Target == target
                ? MemorySize.Max(target, MemorySize.Min(promise.Granted, MemorySize.Max(standing.Actual, standing.Ceiling)))
                : promise.Granted;
            if (granted == promise.Granted && target == promise.Target)
                continue;
            ledger = ledger.Grant(allotment.Vm, granted) ?? ledger;
            changes.Add(new(allotment.Vm, granted, target, allotment.Urgent, allotment.Ruling) { Was = promise.Granted });
        }

        growing.Sort(static (a, b) => a.Urgent != b.Urgent ? b.Urgent.CompareTo(a.Urgent) : a.Vm.CompareTo(b.Vm));
        foreach (var allotment in growing)
        {
            var promise = promises[allotment.Vm];
            var claim = ledger.Claims[allotment.Vm];
            var free = allotment.Urgent ? ledger.Free : ledger.Free.MinusOrZero(kept);
            // What the VM already holds above its grant is claimed already: promising it takes nothing more.
            var part = MemorySize.Min(allotment.Target, MemorySize.Max(promise.Granted, claim.Actual) + free);
            if (part < allotment.Target)
                part = part.RoundDown(step);
            var enough = part >= allotment.Target || part >= promise.Granted + step;
            if (!enough || part <= promise.Granted || ledger.Grant(allotment.Vm, part) is not { } after)
                continue;
            ledger = after;
            changes.Add(new(allotment.Vm, part, part, allotment.Urgent, allotment.Ruling) { Was = promise.Granted });
        }

        // A shrink that is still under way is written down in large steps, unless somebody waits for the memory.
        if (growing.Count == 0 && kept.IsZero)
            changes.RemoveAll(change => change.Target == promises[change.Vm].Target && IsSmallStep(change, promises[change.Vm], step));
        return changes.ToImmutable();
    }

    private static bool IsSmallStep(PromiseChange change, Promise before, MemorySize step) =>
        change.Granted < before.Granted && before.Granted - change.Granted < step.Scale(4) && change.Granted > change.Target + step;

    /// <summary>No resizing for nothing: the last target stands where the new one is hardly another.</summary>
    private static MemorySize Steady(Allotment allotment, Promise promise, Standing standing, VmPolicy policy, MemorySize step)
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
        return difference < step && !allotment.Urgent && (rises || difference.IsZero) ? promise.Target : target;
    }
}
