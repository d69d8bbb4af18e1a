using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Simulation.Core;

/// <summary>The rules that must hold at every decision, before it is written.</summary>
internal sealed partial class CoreInvariants
{
    /// <summary>Checks a change of promises before it is written.</summary>
    /// <param name="command">The command that it was decided on.</param>
    /// <param name="before">The state with all that was decided before it.</param>
    public void Decided(IHostCommand command, HostState before, IHostEvent e)
    {
        if (e is VmEnded { Cause: EndCause.Failed or EndCause.PoweredDown } or VmRested { Cause: EndCause.Failed or EndCause.PoweredDown }
            && before.Vms.TryGetValue(e is VmEnded ended ? ended.Vm : ((VmRested)e).Spec.Id, out var gone) && gone.Handle.BootId is { } boot
            && boot != world.BootId)
            throw new ViolationException("a wrong cause", $"{e}: the host has restarted since it was started");
        if (e is VmAdopted adopted && command is HostProtocol.AdoptVm adopt && adopted.Granted < adopt.Ceiling)
            throw new ViolationException(
                "an adoption granted less than its ceiling",
                $"{adopted.Handle.Id} can become {adopt.Ceiling}, and {adopted.Granted} were promised");
        if (e is MemoryReserved set)
            Provided(before, set);
        if (e is VmRequested asked)
            Asked(before, asked);
        if (e is AdmissionPlanned planned
            && planned.Plan.From.FirstOrDefault(part => before.Vms.TryGetValue(part.Vm, out var vm)
                && part.To < vm.Policy.Min) is { } below)
            throw new ViolationException("a plan below min", $"{planned.Vm}: {below}");
        if (e is not PromisesChanged promised)
            return;
        var after = before.Apply(e, new(Moment.Origin, e.At)).Ledger;
        foreach (var change in promised.Changes)
        {
            var (vm, claim) = (before.Vms[change.Vm], before.Ledger.Claims[change.Vm]);
            if (change.Target > change.Granted)
                throw new ViolationException("a target above what is granted", $"{change}");
            // What it had on lease may count as granted until it has heard that it has none.
            var (had, has) = (vm.Promise.Granted + vm.Promise.Lease, change.Granted + change.Promise().Lease);
            if (has > had && has > MemorySize.Max(vm.Policy.Max, claim.Actual))
                throw new ViolationException("a promise above max", $"{change}, max {vm.Policy.Max}");
            if (has > MemorySize.Max(had, claim.Actual)
                && world.Daemon?.LimitOf(change.Vm) is { } limit && has + claim.Overhead > limit)
                throw new ViolationException("a promise above its control group", $"{change}, {claim}, limited to {limit}");
            if (change.Target < vm.Promise.Target && change.Target < vm.Policy.Min)
                throw new ViolationException("a target below min", $"{change}, min {vm.Policy.Min}");
            if (!after.Deficit.IsZero && has > MemorySize.Max(vm.Promise.Granted, claim.Size - claim.Overhead))
                throw new ViolationException(
                    "a promise in a deficit", $"{change}, deficit {before.Ledger.Deficit}, {after.Deficit} after it");
        }

        if (after.Deficit > before.Ledger.Deficit)
            throw new ViolationException("a promise makes a deficit", $"{after.Deficit}, before {before.Ledger.Deficit}");
    }

    /// <summary>Checks that a VM is requested only once, and that it returns only from its rest.</summary>
    private static void Asked(HostState before, VmRequested asked)
    {
        var id = asked.Spec.Id;
        if (before.Vms.ContainsKey(id) || before.Admissions.ContainsKey(id))
            throw new ViolationException("asked for twice", $"{id} {(before.Vms.ContainsKey(id) ? "runs" : "is being created")} already");
        if (asked.Tries is not null != before.Resting.ContainsKey(id))
            throw new ViolationException("a return of one that does not rest", $"{id}: {asked.Tries}");
    }

    /// <summary>
    /// Checks that a reservation is free memory, that the guarantees fit together, and that no VM overtakes one that waits before it, nor
    /// uses the memory that was gathered for that one.
    /// </summary>
    private static void Provided(HostState before, MemoryReserved set)
    {
        var (ledger, passing) = (before.Ledger, before.Admissions[set.Vm]);
        if (set.Size > ledger.Free)
            throw new ViolationException("a reservation beyond what is free", $"{set.Vm}: {set.Size} of {ledger.Free}");
        var room = AdmissionRules.Room(ledger, before.Vms.ToDictionary(vm => vm.Key, vm => vm.Value.Policy));
        if (passing.Spec.Policy.Min + passing.Overhead > room || set.Boot < passing.Spec.Policy.Min)
            throw new ViolationException(
                "guarantees that don't fit together", $"{set.Vm}: min {passing.Spec.Policy.Min}, boot {set.Boot}, and {room} are left");
        var left = ledger.Free - set.Size;
        foreach (var first in AdmissionLine.InOrder(before.Admissions.Values).TakeWhile(a => a != passing).Where(a => a.State.Seeks()))
        {
            if (first.Plan is not { } plan)
                throw new ViolationException("queue order", $"{set.Vm} passes {first.Spec.Id}, which is {first.State}: {first.Why}");
            var owed = plan.From.Aggregate(MemorySize.Zero, (sum, part) => sum + HostAdmissions.Outstanding(part, before));
            if (left + owed < plan.For)
                throw new ViolationException(
                    "queue order", $"{set.Vm} takes {set.Size} and leaves {first.Spec.Id} {left} and {owed} to come, of {plan.For}");
            left = left.MinusOrZero(plan.For.MinusOrZero(owed));
        }
    }
}
