using System.Collections.Immutable;

namespace Dmm.Core.Planning;

/// <summary>Memory that changed hands in one plan.</summary>
/// <param name="From">Who gave it; null: it was free.</param>
/// <param name="To">Who may have it now; null: it is free now.</param>
public readonly record struct Payment(VmId? From, VmId? To, MemorySize Size);

/// <summary>Who paid for whom in one plan. What comes back is promised on in the same event, so its changes tell both sides.</summary>
public static class Payments
{
    /// <summary>Those who gained are served in the order of the changes (the arbiter's), those who gave most are named first.</summary>
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
            var missing = change.Granted.MinusOrZero(change.Was ?? change.Granted);
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
