using System.Collections.Immutable;

namespace Dmm.Core.Planning;

/// <summary>Memory that a VM still owes: it was told to give it and has not yet.</summary>
public readonly record struct Giver(VmId Vm, MemorySize Size);

/// <summary>Somebody waits for memory.</summary>
/// <param name="Vm">A VM that may have more, or one that is to be created.</param>
/// <param name="From">
/// Whose memory it will be, as far as it is under way; what is <paramref name="Missing"/> beyond that nobody gives yet.
/// </param>
public sealed record Wait(VmId Vm, MemorySize Missing, bool Urgent, ImmutableArray<Giver> From);

/// <summary>
/// Who waits for whose memory: each who waits is chained to those who give, in the order in which memory that comes back is promised.
/// </summary>
public static class Waits
{
    /// <param name="unmet">In that order.</param>
    /// <param name="givers">
    /// Those who owe most are named first, so that few are. What a VM that waits owes itself, since it was to shrink, is no help to it, but
    /// to others. </param>
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
