using System.Collections.Immutable;

namespace Dmm.Core.Memory;

/// <summary>
/// Finds the VMs that give nothing back to the host: the guest says that it has less, but its process holds what it held (its memory is
/// locked, a passed-through device uses it, it consists of huge pages, its balloon's driver lies, or the guest was restarted). That memory
/// is claimed from the first moment. It is reported only when it has lasted for some looks, since pages may take a moment to return. Pure.
/// </summary>
public sealed record Keepers
{
    /// <summary>A keeper is reported after this many looks at the host in a row.</summary>
    private const int Lasting = 3;

    private ImmutableSortedDictionary<VmId, int> Looks { get; init; } = ImmutableSortedDictionary<VmId, int>.Empty;

    /// <summary>Takes a look at the host; returns the VMs that are keepers from now on, and those that no longer are.</summary>
    public (Keepers Next, ImmutableArray<VmId> Began, ImmutableArray<VmId> Ended) Look(Ledger ledger)
    {
        var looks = ImmutableSortedDictionary.CreateBuilder<VmId, int>();
        foreach (var (vm, claim) in ledger.Claims)
        {
            if (!claim.Kept.IsZero)
                looks[vm] = Math.Min(Lasting, Looks.GetValueOrDefault(vm)) + 1;
        }

        return (
            new() { Looks = looks.ToImmutable() },
            [.. looks.Where(l => l.Value == Lasting).Select(l => l.Key)],
            [.. Looks.Where(l => l.Value >= Lasting && !looks.ContainsKey(l.Key) && ledger.Claims.ContainsKey(l.Key)).Select(l => l.Key)]);
    }

    /// <summary>A text for people: what such a VM claims, and why.</summary>
    public static string Text(Claim claim) =>
        $"it gives nothing back to the host: its process holds {claim.Kept} more than it has and was granted; that memory counts "
        + $"as claimed: it is promised to no other VM and is not counted on";

    /// <summary>The line of <c>dmm vm show</c>; null for one that keeps nothing.</summary>
    public static string? Warning(Claim claim) => claim.Kept.IsZero ? null : Text(claim)["it ".Length..];
}
