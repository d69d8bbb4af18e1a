using System.Collections.Immutable;

namespace Dmm.Core.Planning;

/// <summary>Memory that changed hands in one plan.</summary>
/// <param name="From">The VM that gave the memory; null: the memory was free.</param>
/// <param name="To">The VM that may have the memory now; null: the memory is free now.</param>
public readonly record struct Payment(VmId? From, VmId? To, MemorySize Size);

/// <summary>
/// Finds which VM paid for which in one plan. Memory that comes back is promised in the same event, so its changes show both sides.
/// </summary>
public static class Payments
{
    /// <summary>
    /// The payments of one set of changes. VMs that gained are served in the order of the changes (the arbiter's); VMs that gave most are
    /// named first.
    /// </summary>
    public static ImmutableArray<Payment> Of(ImmutableArray<PromiseChange> changes)
    {
        if (changes.IsEmpty)
            return [];
        var gave = new Queue<Giver>(changes
            .Select(c => new Giver(c.Vm, (c.Was ?? c.Granted).MinusOrZero(c.Granted)))
            .Where(g => !g.Size.IsZero)
            .OrderByDescending(g => g.Size)
            .ThenBy(g => g.Vm));
        var payments = ImmutableArray.CreateBuilder<Payment>();
        var rest = gave.TryDequeue(out var first) ? first : default;
        foreach (var change in changes)
        {
            // A lease that is taken back counts as granted until the VM has heard of it: nobody paid for that.
            var missing = change.Target < change.Granted ? MemorySize.Zero : change.Granted.MinusOrZero(change.Was ?? change.Granted);
            while (!missing.IsZero)
            {
                var part = rest.Size.IsZero ? missing : MemorySize.Min(missing, rest.Size);
                payments.Add(new(rest.Size.IsZero ? null : rest.Vm, change.Vm, part));
                missing -= part;
                rest = rest.Size > part ? rest with { Size = rest.Size - part } : gave.TryDequeue(out var next) ? next : default;
            }
        }

        for (; !rest.Size.IsZero; rest = gave.TryDequeue(out var next) ? next : default)
            payments.Add(new(rest.Vm, null, rest.Size));
        return payments.ToImmutable();
    }
}
