using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Simulation.Actors;

/// <summary>The rules that must hold, always or once all is calm. Each rule returns a description of what is wrong, or null.</summary>
internal static class Invariants
{
    private static readonly MemorySize Block = MemorySize.FromMiB(2);

    /// <summary>
    /// The ledger's figures agree with each other, and the claims are no more than the host has, unless the world itself has taken
    /// memory.
    /// </summary>
    public static string? Books(HostState state, bool broken)
    {
        var ledger = state.Ledger;
        if (!broken && !ledger.Deficit.IsZero)
            return $"claims exceed the host by {ledger.Deficit}: {Of(state)}";
        var claimed = ledger.Claims.Values.Aggregate(MemorySize.Zero, static (sum, claim) => sum + claim.Size);
        var reserved = ledger.Reservations.Values.Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        if (claimed != ledger.Claimed || reserved != ledger.Reserved)
            return $"sums are wrong: {claimed} claimed, {reserved} reserved; the ledger says {ledger.Claimed}, {ledger.Reserved}";
        var loose = ledger.LetGo.Values.Aggregate(MemorySize.Zero, static (sum, size) => sum + size);
        if (loose != ledger.Loose || !ledger.LetGo.Keys.SequenceEqual(state.LetGo.Keys))
            return $"VMs let go {Names(state.LetGo.Keys)}, which may take {loose}; the ledger says {Names(ledger.LetGo.Keys)} "
                + $"and {ledger.Loose}";
        if (!ledger.Claims.Keys.SequenceEqual(state.Vms.Keys))
            return $"claims of {Names(ledger.Claims.Keys)}, but VMs {Names(state.Vms.Keys)}";
        var launching = state.Admissions.Where(a => a.Value.State is AdmissionState.Reserved or AdmissionState.Launching)
            .Select(a => a.Key);
        if (!ledger.Reservations.Keys.SequenceEqual(launching))
            return $"reservations of {Names(ledger.Reservations.Keys)}, but launches of {Names(launching)}";
        if (state.Admissions.Values.FirstOrDefault(a => a.Reserved is null != a.State.Seeks() || a.Plan is null == a.State.Gathers()
            || a.Spec.Policy.Min > (a.Boot ?? a.Spec.Boot)) is { } odd)
            return $"{odd} is not what its state says";
        if (state.Resting.Keys.FirstOrDefault(id => state.Vms.ContainsKey(id)
            || state.Admissions.ContainsKey(id)) is { Name.Length: > 0 } twice)
            return $"{twice} rests, and runs or is wanted at once";
        if (state.Vms.Keys.Intersect(state.Admissions.Keys).FirstOrDefault() is { Name: not null } both && state.Vms.ContainsKey(both))
            return $"{both} runs and is wanted at once";
        return null;
    }

    /// <summary>The sum of the most that all VMs may become fits the host, including VMs that were let go.</summary>
    public static string? Physical(World world, HostSettings host)
    {
        var sum = host.Reserve;
        foreach (var vm in world.Running.Values)
            sum += vm.Allowed + World.Overhead;
        return sum <= host.Memory
            ? null
            : $"devices let VMs have {sum} "
            + $"of {host.Memory}: {string.Join(", ", world.Running.Values.Select(vm => $"{vm.Id} {vm.Guest.Sizes}"))}";
    }

    /// <summary>
    /// The memory that processes really hold fits the host, whatever their guests say that they gave. Memory that an opaque process keeps
    /// is treated like another program's: it may lie in the reserve and in the margin, but no further.
    /// </summary>
    public static string? Resident(World world, HostSettings host)
    {
        var opaque = world.KeepsUnseen;
        var sum = world.Running.Values.Aggregate(opaque ? MemorySize.Zero : host.Reserve, static (sum, vm) => sum + vm.Resident);
        return sum <= (opaque ? host.Memory + SimulatedMonitor.Spare : host.Memory)
            ? null
            : $"processes hold {sum} of {host.Memory}: {string.Join(", ", world.Running.Values.Select(vm => $"{vm.Id} {vm.Resident} "
            + $"for {vm.Guest.Sizes.Actual}{(vm.Opaque ? ", unknown" : "")}"))}";
    }

    /// <summary>
    /// Checks, once all is calm, that the journal's VMs are those that run, that nothing is reserved, and that each VM has what it was
    /// promised, which is what the ledger claims.
    /// </summary>
    public static string? Settled(HostProtocol.Status status, World world)
    {
        var state = status.State;
        if (!state.Ledger.Deficit.IsZero)
            return $"claims still exceed the host by {state.Ledger.Deficit}";
        if (state.Resting.FirstOrDefault(vm => vm.Value.ReturnAt is not null) is { Value: not null } returns)
            return $"{returns.Key} is still to return: {returns.Value.Why}";
        if (!state.Admissions.IsEmpty || !state.Ledger.Reservations.IsEmpty)
            return $"still wanted: {Names(state.Admissions.Keys)}; still set aside: {Names(state.Ledger.Reservations.Keys)}";
        var running = world.Running.Values.Where(vm => !vm.LetGo).Select(vm => vm.Id);
        if (!state.Vms.Keys.SequenceEqual(running))
            return $"the journal has {Names(state.Vms.Keys)}, but {Names(running)} run";
        foreach (var (id, vm) in state.Vms)
        {
            var real = world.Find(id)!;
            var actual = real.Guest.Sizes.Actual;
            if (!status.Reports.TryGetValue(id, out var report) || report.Phase != VmPhase.Settled || report.Why is not null)
                return $"{id} is {report?.Phase}, {report?.Why}, at {actual} of {vm.Promise}";
            if (Ladder.Distance(actual, vm.Promise.Target) > Block)
                return $"{id} has {actual} and not its target {vm.Promise.Target}";
            if (state.Ledger.Claims[id].Actual != actual)
                return $"{id} has {actual}, and the ledger believes {state.Ledger.Claims[id].Actual}";
            if (vm.Promise.Granted > vm.Promise.Target + MemorySize.FromMiB(16))
                return $"{id} is granted {vm.Promise.Granted} long after its target became {vm.Promise.Target}";
            if (real.Connections.Count(c => c.Held) != 1)
                return $"{id} has {real.Connections.Count(c => c.Held)} connections";
        }

        return world.Running.Values.FirstOrDefault(vm => vm.LetGo && vm.Connections.Any(c => c.Held)) is { } loose
            ? $"{loose.Id} is not governed, and a connection to it is held"
            : null;
    }

    /// <summary>Notes from the journal which VMs are governed: a VM that was let go, and not adopted since, runs on by itself.</summary>
    public static void Note(World world, IHostEvent e)
    {
        switch (e)
        {
            case VmForgotten forgotten when world.Find(forgotten.Vm) is { } vm:
                vm.LetGo = true;
                break;
            case VmAdopted adopted when world.Find(adopted.Handle.Id) is { } vm:
                vm.LetGo = false;
                break;
            case VmLaunched launched when world.Find(launched.Vm) is { } vm:
                vm.LetGo = false;
                break;
        }
    }

    private static string Of(HostState state) =>
        string.Join("; ", state.Ledger.Claims.Select(c => $"{c.Key} {c.Value}, {state.Vms.GetValueOrDefault(c.Key)?.Promise}"))
        + $"; reserved {state.Ledger.Reserved}";

    private static string Names(IEnumerable<VmId> ids) => $"[{string.Join(" ", ids)}]";
}
