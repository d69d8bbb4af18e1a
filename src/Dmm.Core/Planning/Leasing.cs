using System.Collections.Immutable;
using Dmm.Core.Memory;

namespace Dmm.Core.Planning;

/// <summary>The part of the cushion that is leased to VMs beforehand.</summary>
/// <param name="Leased">What is leased to all VMs together, if there is room for it.</param>
/// <param name="Room">The memory beside all that is planned: more is taken back.</param>
public readonly record struct LeaseRules(MemorySize Leased, MemorySize Room);

/// <summary>
/// Leases: memory that a VM takes by itself at the moment when its guest is in need. It is promised beforehand, in the journal, and paid
/// from the cushion; so neither a slow disk nor a host's actor that starts anew stands between a guest and its memory, and no memory is
/// promised twice. A lease is not the VM's memory: what it took it keeps only as long as its guest is in need, or until the host grants it
/// that. Leases are given at the end of a period, where memory is free. They are taken back where somebody needs them: then they count as
/// granted until the VM has heard that it has none, and come back like any other memory that a VM no longer is to have. Pure.
/// </summary>
public static class Leasing
{
    /// <summary>Less is of no use to a guest in need.</summary>
    public static readonly MemorySize Least = MemorySize.FromMiB(16);

    /// <summary>More is not needed: meanwhile the host has heard of the need.</summary>
    public static readonly MemorySize Most = MemorySize.FromMiB(256);

    /// <summary>Returns the changes with what changes in the leases; each VM has one change at most.</summary>
    /// <param name="ledger">The books before these changes.</param>
    /// <param name="changes">The promises that are changed anyway.</param>
    /// <param name="promises">The promises before these changes.</param>
    /// <param name="plan">The VMs in order.</param>
    /// <param name="most">The most that each of them may be, in the same order; null: its lease stays as it is.</param>
    /// <param name="rules">How much may be leased.</param>
    /// <param name="gives">True where new leases may be given now.</param>
    public static ImmutableArray<PromiseChange> Add(
        Ledger ledger, ImmutableArray<PromiseChange> changes, IReadOnlyDictionary<VmId, Promise> promises, ReadOnlySpan<Allotment> plan,
        ReadOnlySpan<MemorySize?> most, LeaseRules rules, bool gives)
    {
        var left = MemorySize.Min(rules.Leased, rules.Room);
        // What is given must stay for a while: a plan that moves a little must not take it back.
        var spare = MemorySize.Min(rules.Leased, rules.Room.MinusOrZero(Least));
        var of = rules.Leased.IsZero || plan.IsEmpty ? MemorySize.Zero
            : MemorySize.FromBytes(rules.Leased.Bytes / plan.Length).RoundDown(Least).Clamp(Least, Most);
        Dictionary<VmId, PromiseChange>? changed = null;
        ImmutableArray<PromiseChange>.Builder? next = null;
        for (var i = 0; i < plan.Length; i++)
        {
            if (most[i] is not { } bound)
                continue;
            var vm = plan[i].Vm;
            changed ??= changes.ToDictionary(static c => c.Vm);
            var change = changed.GetValueOrDefault(vm);
            var now = change?.Promise() ?? promises[vm];
            var fits = bound.MinusOrZero(now.Granted);
            // A lease that is about right stays: changes of others are no reason to write.
            var lease = MemorySize.Min(now.Lease <= of + of ? now.Lease : of, fits.RoundDown(Least));
            lease = lease <= left ? lease : MemorySize.Zero;
            var asked = MemorySize.Min(MemorySize.Min(of, fits), spare).RoundDown(Least);
            if (gives && now.Target == now.Granted && lease + lease < asked)
                lease = asked;
            (left, spare) = (left.MinusOrZero(lease), spare.MinusOrZero(lease));
            if (lease == now.Lease)
                continue;
            if (Put(ref ledger, ref next) is { } done)
                changed[vm] = done;

            PromiseChange? Put(ref Ledger books, ref ImmutableArray<PromiseChange>.Builder? into)
            {
                // What it no longer has on lease it may take until it has heard of that.
                var granted = now.Granted + now.Lease.MinusOrZero(lease);
                if (into is null)
                {
                    into = changes.ToBuilder();
                    foreach (var before in changes)
                        books = books.Grant(before.Vm, before.Granted, before.Promise().Lease) ?? books;
                }

                if (books.Grant(vm, granted, lease) is not { } after)
                    return null;
                books = after;
                var result = new PromiseChange(vm, granted, now.Target, change?.Urgent ?? false, change?.Ruling ?? Ruling.Keep)
                {
                    Was = change is null ? now.Granted : change.Was,
                    Lease = lease,
                };
                if (change is null)
                    into.Add(result);
                else
                    into[into.IndexOf(change)] = result;
                return result;
            }
        }

        return next?.ToImmutable() ?? changes;
    }
}
