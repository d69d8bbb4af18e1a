using System.Collections.Immutable;

namespace Dmm.Core.Planning;

/// <summary>Memory that a VM still owes: it was told to give it and has not given it yet.</summary>
public readonly record struct Giver(VmId Vm, MemorySize Size);

/// <summary>A VM that waits for memory.</summary>
/// <param name="Vm">A VM that may have more memory, or one that is to be created.</param>
/// <param name="From">
/// The VMs whose memory it will get, as far as that memory is under way. If the sum is less than <paramref name="Missing"/>, nobody gives
/// the rest yet.
/// </param>
public sealed record Wait(VmId Vm, MemorySize Missing, bool Urgent, ImmutableArray<Giver> From);

/// <summary>
/// Finds which VM waits for whose memory: each VM that waits is chained to those that give, in the order in which memory that comes back
/// is promised.
/// </summary>
public static class Waits
{
    /// <param name="unmet">The growth that waits, in that order.</param>
    /// <param name="givers">
    /// The VMs that owe memory. Those that owe most are named first, so that few are named. A VM that waits may itself owe memory from a
    /// shrink: that is of no use to itself, but counts for others.
    /// </param>
    public static ImmutableArray<Wait> Chain(IEnumerable<Unmet> unmet, IEnumerable<Giver> givers)
    {
        var owed = givers.Where(g => !g.Size.IsZero).OrderByDescending(g => g.Size).ThenBy(g => g.Vm).ToArray();
        var first = 0;
        var waits = ImmutableArray.CreateBuilder<Wait>();
        foreach (var waiting in unmet)
        {
            var from = ImmutableArray.CreateBuilder<Giver>();
            var missing = waiting.Missing;
            for (var i = first; i < owed.Length && !missing.IsZero; i++)
            {
                var part = owed[i].Vm == waiting.Vm ? MemorySize.Zero : MemorySize.Min(missing, owed[i].Size);
                if (part.IsZero)
                    continue;
                from.Add(new(owed[i].Vm, part));
                missing -= part;
                owed[i] = owed[i] with { Size = owed[i].Size - part };
            }

            while (first < owed.Length && owed[first].Size.IsZero)
                first++;
            waits.Add(new(waiting.Vm, waiting.Missing, waiting.Urgent, from.ToImmutable()));
        }

        return waits.ToImmutable();
    }
}
