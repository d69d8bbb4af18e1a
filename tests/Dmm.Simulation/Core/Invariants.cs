using Dmm.Core.Lifecycle;
using Dmm.Core;
using Dmm.Core.Admission;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Simulation;

namespace Dmm.Simulation.Core;

/// <summary>A rule was broken.</summary>
internal sealed class ViolationException(string rule, string what) : Exception($"{rule}: {what}")
{
    public string Rule { get; } = rule;

    public string What { get; } = what;
}

/// <summary>The rules that must hold after every step, at every decision, after every recovery, and at the end of every calm.</summary>
internal sealed class Invariants(World world)
{
    private static readonly MemorySize Tolerance = MemorySize.FromMiB(2);

    /// <summary>Reports about a VM that was too large may still be under way for this long.</summary>
    private static readonly TimeSpan Rumours = TimeSpan.FromSeconds(4);

    /// <summary>The host hears of a look within this time, however slow the journal is and however many messages wait before it.</summary>
    private static readonly TimeSpan Looked = TimeSpan.FromSeconds(30);

    private Ledger? _checked;
    /// <summary>The world has broken the invariant, and it does not hold again yet.</summary>
    private bool _deficit;

    /// <summary>Checks the rules that must hold after every step.</summary>
    public void Holds()
    {
        // Until its journal is taken up, the host counts VMs that ran before the host restarted; nothing is decided on that.
        if (world.Daemon is { TakenUp: true } daemon && daemon.State.Ledger != _checked)
        {
            HoldsLedger(daemon.State);
            _checked = daemon.State.Ledger;
        }

        FollowsHost();
        HoldsWorld();
    }

    /// <summary>Checks that memory that the host has lost is no longer promised, once a look at it must have been heard of.</summary>
    private void FollowsHost()
    {
        if (world.Daemon is not { } daemon || world.Agenda.Now - world.HasSince < Looked || world.Agenda.Now - daemon.HostSince < Looked)
            return;
        if (daemon.State.Ledger.HostMemory > world.Has)
            throw new ViolationException(
                "a host that is not followed",
                $"the ledger says {daemon.State.Ledger.HostMemory} of a host of {world.Has} since {world.HasSince}");
    }

    /// <summary>Checks that a VM that is to return does so when its time has come.</summary>
    public void Overdue(Daemon daemon)
    {
        foreach (var (id, vm) in daemon.State.Resting)
        {
            if (daemon.InControl && world.Agenda.Now - daemon.HostSince > Looked && world.Now - vm.ReturnAt > Looked)
                throw new ViolationException("a return that is forgotten", $"{id} was to return at {vm.ReturnAt}");
        }
    }

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
            if (change.Granted > vm.Promise.Granted && change.Granted > MemorySize.Max(vm.Policy.Max, claim.Actual))
                throw new ViolationException("a promise above max", $"{change}, max {vm.Policy.Max}");
            if (change.Target < vm.Promise.Target && change.Target < vm.Policy.Min)
                throw new ViolationException("a target below min", $"{change}, min {vm.Policy.Min}");
            if (!after.Deficit.IsZero && change.Granted > MemorySize.Max(vm.Promise.Granted, claim.Size - claim.Overhead))
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

    /// <summary>Checks that a replay leads to what was promised, in whatever form the journal kept it.</summary>
    public void Recovered(Daemon daemon)
    {
        var (truth, state) = (world.Journal.Truth, daemon.State);
        if (!truth.Vms.Keys.SequenceEqual(state.Vms.Keys) || !truth.Admissions.Keys.SequenceEqual(state.Admissions.Keys))
            throw new ViolationException(
                "recovery", $"VMs {string.Join(' ', state.Vms.Keys)}, admissions {string.Join(' ', state.Admissions.Keys)} instead of "
                + $"{string.Join(' ', truth.Vms.Keys)} and {string.Join(' ', truth.Admissions.Keys)}");
        foreach (var (id, vm) in truth.Vms)
        {
            var now = state.Vms[id];
            if (vm with { Spec = null, BootedAt = At(vm.BootedAt, now.BootedAt) } != now with { Spec = null } || now.BootedAt > world.Now)
                throw new ViolationException("recovery", $"{now} instead of {vm}");
        }

        foreach (var (id, admission) in truth.Admissions)
        {
            var now = state.Admissions[id];
            if (now != admission with
            {
                At = At(admission.At, now.At),
                Since = At(admission.Since, now.Since),
                Deadline = At(admission.Deadline, now.Deadline),
            })
                throw new ViolationException("recovery", $"{now} instead of {admission}");
            NotStretched(id, now.Deadline, admission.Deadline - admission.At);
        }

        if (!truth.Resting.Keys.SequenceEqual(state.Resting.Keys))
            throw new ViolationException(
                "recovery", $"{string.Join(' ', state.Resting)} rest instead of {string.Join(' ', truth.Resting)}");
        foreach (var (id, rests) in truth.Resting)
        {
            var now = state.Resting[id];
            if (now != rests with { Since = At(rests.Since, now.Since), ReturnAt = At(rests.ReturnAt, now.ReturnAt) })
                throw new ViolationException("recovery", $"{now} instead of {rests}");
            NotStretched(id, now.ReturnAt, rests.ReturnAt - rests.Since);
        }

        if (LetGoAndRunning(truth).Except(state.LetGo.Keys).FirstOrDefault() is { Name.Length: > 0 } lost)
            throw new ViolationException("recovery", $"{lost} was let go and runs, but its memory counts as free");
    }

    /// <summary>If the host's clock was set, a replay can't know when something happened; but it must know that it happened.</summary>
    private Moment At(Moment real, Moment replayed) => world.ClockStepped ? replayed : real;

    private Moment? At(Moment? real, Moment? replayed) => world.ClockStepped && real is not null ? replayed : real;

    /// <summary>However the host's clock was set, no wait may take longer than it was meant to.</summary>
    private void NotStretched(VmId id, Moment? until, TimeSpan? length)
    {
        if (until - world.Now > length)
            throw new ViolationException(
                "a deadline that is stretched", $"{id} waits {until - world.Now}, which was to be {length} at most");
    }

    private IEnumerable<VmId> LetGoAndRunning(HostState truth) => truth.LetGo.Where(vm => world.Runs(vm.Value)).Select(vm => vm.Key);

    /// <summary>Ends the disturbance of a VM that the world made larger than promised, once it is back within its promise.</summary>
    public void Calmed(SimulatedProcess vm)
    {
        var wild = vm.Guest.Temper is GuestTemper.GrowsByItself or GuestTemper.LiesAboutBalloon;
        if (wild || vm.Ceiling > Promised(vm.Id) || world.Daemon is not { } daemon
            || !daemon.State.Ledger.Claims.TryGetValue(vm.Id, out var claim) || claim.Actual > claim.Granted)
            vm.DisturbedAt = world.Agenda.Now;
        else if (world.Agenda.Now - vm.DisturbedAt > Rumours)
            vm.Disturbed = false;
    }

    /// <summary>The host needs at least this much memory for its guarantees.</summary>
    public MemorySize LeastMemory(MemorySize reserve)
    {
        var truth = world.Journal.Truth;
        var sum = reserve + truth.Ledger.Reserved + MemorySize.FromMiB(64);
        foreach (var (id, vm) in truth.Vms)
            sum += vm.Policy.Min + MemorySize.FromMiB(128);
        return LetGoAndRunning(truth).Aggregate(sum, (all, id) => all + truth.Ledger.LetGo[id]);
    }

    /// <summary>Nothing is under way, no request is open, and each VM has what it was promised.</summary>
    public bool Settled() => Unsettled() is null;

    public void NotSettled() =>
        throw new ViolationException(
            "not settled", $"{Unsettled()} {World.SettlesWithin.TotalMinutes} minutes after the world began to behave");

    private string? Unsettled()
    {
        if (world.Daemon is not { } daemon)
            return "no daemon";
        if (!daemon.Quiet)
            return "messages wait";
        if (!daemon.State.Admissions.IsEmpty)
            return $"{daemon.State.Admissions.First().Key} is still being created";
        if (daemon.State.Ledger.Deficit > Unavoidable(daemon.State))
            return $"a deficit of {daemon.State.Ledger.Deficit}";
        if (daemon.State.Resting.FirstOrDefault(vm => vm.Value.ReturnAt is not null) is { Value: not null } returns)
            return $"{returns.Key} is still to return: {returns.Value.Why}";
        if (world.Unmet(daemon.State) is { } unmet)
            return unmet;
        foreach (var (id, vm) in daemon.State.Vms)
        {
            var process = world.ProcessOf(id);
            if (process is not { Running: true })
                return $"{id} has ended, but the host does not know it";
            if (!daemon.Shells.TryGetValue(id, out var shell) || shell.Memory.Phase != VmPhase.Settled)
                return $"{id} is {shell?.Memory.Phase} ({shell?.Memory.Why}) at {process.Guest.Held}, target {vm.Promise.Target}";
            if (vm.Stop is { } order)
                return $"{id} is to stop within {order.Grace}{(order.Kill ? ", or be ended" : "")}, and runs";
            if (shell.Memory.Target is null)
                return $"{id} was not told its target, {vm.Promise.Target}";
            if (vm.Promise.Granted > vm.Promise.Target + Tolerance)
                return $"{id} was granted {vm.Promise.Granted} and is to be {vm.Promise.Target}";
            var distance = Ladder.Distance(process.Guest.Held, Ladder.Reachable(shell.Memory, vm.Promise.Target));
            if (distance > Tolerance)
                return $"{id} has {process.Guest.Held}, its target is {vm.Promise.Target}";
        }

        if (daemon.Shells.Keys.FirstOrDefault(id => !daemon.State.Vms.ContainsKey(id)) is { Name.Length: > 0 } nobody)
            return $"an actor of {nobody} is left, although that VM is not governed";
        if (daemon.Unanswered is { } open)
            return open;
        if (!daemon.AllHeard)
            return "no notice says that every VM has reported";
        return world.Agenda.Now - daemon.ChangedAt < TimeSpan.FromSeconds(2) ? "promises change" : null;
    }

    /// <summary>
    /// The world may have made a VM larger than this host has room for before it was let go; nobody can shrink it then. The amount by
    /// which its memory and the guarantees exceed the host stays a deficit until its process is gone (docs/develop/decisions/0022). A VM
    /// at its min may have a part of a block more.
    /// </summary>
    private static MemorySize Unavoidable(HostState state) => state.Ledger.Loose.IsZero
        ? MemorySize.Zero
        : state.Vms.Aggregate(state.Ledger.Fixed, (sum, vm) => sum + vm.Value.Policy.Min + Tolerance + state.Ledger.Claims[vm.Key].Overhead)
        .MinusOrZero(state.Ledger.HostMemory);

    private MemorySize Promised(VmId id)
    {
        var truth = world.Journal.Truth;
        return truth.Vms.TryGetValue(id, out var vm) ? vm.Promise.Granted
            : truth.Admissions.TryGetValue(id, out var admission) ? admission.Boot ?? admission.Spec.Boot
            : truth.Ledger.LetGo.TryGetValue(id, out var held) ? held
            : MemorySize.Zero;
    }

    private void HoldsLedger(HostState state)
    {
        var ledger = state.Ledger;
        var (claimed, reserved, worldly) = (MemorySize.Zero, MemorySize.Zero, !world.HostLoss.IsZero);
        foreach (var (id, claim) in ledger.Claims)
        {
            claimed += claim.Size;
            if (claim.Size < claim.Actual + claim.Overhead)
                throw new ViolationException("a claim below actual", $"{id}: {claim}");
            if (!state.Vms.TryGetValue(id, out var vm))
                throw new ViolationException("a claim of nobody", $"{id}: {claim}");
            if (claim.Granted != vm.Promise.Granted)
                throw new ViolationException("a claim that does not match its promise", $"{id}: {claim}, promised {vm.Promise}");
            // A VM's additional overhead shows in the memory of its process before it is measured.
            worldly |= claim.Overhead > vm.Overhead
                || (world.ProcessOf(id) is { } dear
                    && (dear.Cost > vm.Overhead || (dear.CostAt != default && world.Agenda.Now - dear.CostAt < Rumours)));
            // Nobody could know the memory that it keeps.
            worldly |= !claim.Kept.IsZero && world.Daemon?.FirstSeen.TryGetValue(id, out var since) == true
                && world.Agenda.Now - since < Rumours;
            if (world.ProcessOf(id) is { Disturbed: true })
                worldly = true;
            else if (claim.Actual > claim.Granted)
                throw new ViolationException("more reported than promised", $"{id}: {claim}");
        }

        foreach (var (id, size) in ledger.Reservations)
        {
            reserved += size;
            if (!state.Admissions.TryGetValue(id, out var admission) || admission.Reserved != size)
                throw new ViolationException("a reservation of nobody", $"{id}: {size}");
        }

        foreach (var (id, admission) in state.Admissions)
        {
            if (admission.Reserved is { } size && !ledger.Reservations.ContainsKey(id))
                throw new ViolationException("a lost reservation", $"{id}: {size}");
        }

        foreach (var id in state.Resting.Keys)
        {
            if (ledger.Claims.ContainsKey(id) || ledger.Reservations.ContainsKey(id) || world.ProcessOf(id) is { Running: true })
                throw new ViolationException(
                    "a VM that rests but is not gone",
                    $"{id} rests, and {(world.ProcessOf(id) is { Running: true } ? "a process of it runs" : "memory is kept for it")}");
        }

        foreach (var id in state.Vms.Keys)
        {
            if (!ledger.Claims.ContainsKey(id))
                throw new ViolationException("a lost claim", $"{id}");
        }

        if (claimed != ledger.Claimed || reserved != ledger.Reserved)
            throw new ViolationException(
                "sums", $"claimed {ledger.Claimed}, but the claims add up to {claimed}; reserved {ledger.Reserved}, but the reservations "
                + $"add up to {reserved}");
        // For VMs that were let go, the world's figure counts, not the daemon's: nobody else may hold the memory that they do.
        var truth = world.Journal.Truth;
        var loose = LetGoAndRunning(truth).Aggregate(MemorySize.Zero, (all, id) => all + truth.Ledger.LetGo[id]);
        if (ledger.Loose < loose)
            throw new ViolationException(
                "let go and promised to others",
                $"{loose} may be held by VMs that were let go and run; the ledger says {ledger.Loose}");
        var sum = claimed + reserved + ledger.Loose + ledger.HostReserve;
        if (sum > ledger.HostMemory && !worldly && !_deficit)
        {
            var claims = string.Join("; ", ledger.Claims.Select(c => $"{c.Key} {c.Value}, holds {world.ProcessOf(c.Key)?.Resident}"));
            throw new ViolationException("the invariant", $"{sum} promised of {ledger.HostMemory}, and the world did not cause it: "
                + claims);
        }

        _deficit = sum > ledger.HostMemory;
        world.HostLoss = MemorySize.Min(world.HostLoss, ledger.Deficit);
    }

    /// <summary>
    /// Checks that no VM can hold more of the host than it was promised, now or by what its devices were told, unless the world made it
    /// so. Together with the invariant this means that the sum of what all VMs can hold fits the host.
    /// </summary>
    private void HoldsWorld()
    {
        foreach (var (id, process) in world.Processes)
        {
            if (!process.Running || process.Disturbed)
                continue;
            var promised = Promised(id);
            if (process.Ceiling > promised && !promised.IsZero)
                throw new ViolationException("more held than promised", $"{id} can become {process.Ceiling} and was promised {promised}");
        }

        HoldsHost();
    }

    /// <summary>
    /// Checks that the memory that processes really hold fits the host, whatever their guests say that they gave, unless the world has
    /// made a VM larger or its overhead higher than promised, or the host smaller.
    /// </summary>
    private void HoldsHost()
    {
        if (world.Daemon is not { } daemon || _deficit || !world.HostLoss.IsZero)
            return;
        var held = daemon.State.Ledger.HostReserve;
        foreach (var (id, process) in world.Processes)
        {
            if (!process.Running)
                continue;
            var claim = daemon.State.Ledger.Claims.GetValueOrDefault(id);
            if (process.Disturbed || process.Cost > (claim?.Overhead ?? process.Expected))
                return;
            // Additional overhead, and memory that is kept unseen, is claimed from the next look on.
            if (claim is not null && process.Resident > claim.Size
                && (claim.Resident.IsZero || (process.CostAt != default && world.Agenda.Now - process.CostAt < Rumours)))
                return;
            held += process.Resident;
        }

        if (held > daemon.State.Ledger.HostMemory)
            throw new ViolationException(
                "more held than there is", $"processes hold {held} of {daemon.State.Ledger.HostMemory}, the reserve included");
    }
}
