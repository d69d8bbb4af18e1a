using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Admission;

/// <summary>What can become of a request for a new VM on this host now.</summary>
public abstract record Judgement
{
    private Judgement()
    {
    }

    /// <summary>There is room: reserve now.</summary>
    public sealed record Fits : Judgement;

    /// <summary>Peers can make room; <paramref name="Missing"/> is not free yet.</summary>
    public sealed record Waits(MemorySize Missing) : Judgement;

    /// <summary>Not even with every peer at its min.</summary>
    public sealed record Never(string Why) : Judgement;
}

/// <summary>Whether a new VM can be made room for, first form: guarantees always fit together.</summary>
public static class AdmissionRules
{
    /// <param name="overhead">What the hypervisor is expected to need for it beside <paramref name="boot"/>.</param>
    /// <param name="policies">Those of the VMs that have a claim.</param>
    public static Judgement Judge(Ledger ledger, VmId vm, MemorySize boot, MemorySize overhead, IReadOnlyDictionary<VmId, VmPolicy> policies)
    {
        var size = boot + overhead;
        var others = ledger.EndReservation(vm);
        if (size <= others.Free)
            return new Judgement.Fits();

        var guaranteed = others.Reserved + others.HostReserve;
        foreach (var (peer, claim) in others.Claims)
            guaranteed += claim.Overhead + MemorySize.Min(policies.TryGetValue(peer, out var policy) ? policy.Min : claim.Granted, claim.Size);
        var possible = others.HostMemory.MinusOrZero(guaranteed);
        return size <= possible
            ? new Judgement.Waits(size - others.Free)
            : new Judgement.Never(
                $"{vm} needs {boot} to boot and about {overhead} of overhead; with every peer at its min this host has room for {possible}");
    }
}
