using Akka.Actor;
using Dmm.Actors.Admission;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;

namespace Dmm.Actors.Hosts;

/// <summary>
/// Ends of VMs and their returns. One event tells that a VM has ended and what becomes of it, so that no death of the daemon forgets one that is to return, and a VM
/// that returns is a request like any other, so that none runs twice (docs/lifecycle.md).
/// </summary>
public sealed partial class HostActor
{
    private readonly HashSet<VmId> _ofAnotherBoot = [];
    private ICancelable? _nextReturn;

    private void LifecycleCommands()
    {
        Command<VmProtocol.Ended>(Ended);
        Command<VmProtocol.StopGivenUp>(StopGivenUp);
        Command<VmProtocol.Identified>(Identified);
        Command<HostProtocol.StartVm>(Start);
        Command<ReturnsDue>(_ => ReturnThoseDue());
    }

    private void Ended(VmProtocol.Ended ended)
    {
        if (!_state.Vms.TryGetValue(ended.Vm, out var vm))
            return;
        Record(
            HostEnds.Ended(vm, ended.Cause, ended.Why, _settings.Returns, Clocks),
            _ =>
            {
                Release(ended.Vm);
                AwaitReturns();
            });
    }

    private void Identified(VmProtocol.Identified found)
    {
        if (_state.Vms.TryGetValue(found.Vm, out var vm) && vm.Handle != found.Handle)
            Record(new VmIdentified(Wall, found.Vm, found.Handle), _ => WatchWhoRuns());
    }

    private void StopGivenUp(VmProtocol.StopGivenUp given)
    {
        if (_state.Vms.TryGetValue(given.Vm, out var vm) && vm.Stop is not null)
            Record(new StopGivenUp(Wall, given.Vm, given.Why), _ => QueuePlan());
    }

    private void StopResting(VmId id, RestingVm resting)
    {
        var sender = Sender;
        if (resting.ReturnAt is null)
        {
            sender.Tell(new HostProtocol.Done(id, "is stopped already", []));
            return;
        }

        Record(HostEnds.Stays(resting, Clocks), _ =>
        {
            sender.Tell(new HostProtocol.Done(id, "stays stopped: it does not return", []));
            AwaitReturns();
        });
    }

    private void SetResting(HostProtocol.SetPolicy set, RestingVm resting)
    {
        var old = resting.Spec.Policy;
        var policy = old with { Min = set.Min ?? old.Min, Max = set.Max ?? old.Max, Shares = set.Shares ?? old.Shares };
        if (policy.Fault() is { } fault)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: {fault}");
        }
        else if (policy.Max > old.Max && resting.ReturnAt is not null && Overcommitted(set.Vm, policy.Max) is { } overcommitted)
        {
            Sender.Tell(overcommitted);
        }
        else
        {
            var (sender, restart) = (Sender, set.Restart ?? resting.Spec.Restart);
            // What it boots with stays within its bounds, as of one that runs.
            var (before, boot) = (resting.Spec.Boot, resting.Spec.Under(policy).Boot);
            if (set.Restart is { } wanted)
                Record(new RestartSet(Wall, set.Vm, wanted), _ => AwaitReturns());
            Record(new PolicySet(Wall, set.Vm, policy), _ => sender.Tell(new HostProtocol.Done(
                set.Vm, $"min {policy.Min}, max {policy.Max}, shares {policy.Shares}, restart {HostHappenings.Words(restart)}, from its next start on",
                boot == before ? [] : [$"it boots with {boot} instead of {before}, within its new bounds"])));
        }
    }

    private void Start(HostProtocol.StartVm start)
    {
        var (id, sender) = (start.Vm, Sender);
        if (_state.Vms.TryGetValue(id, out var vm) && vm.Unwanted)
        {
            Record(new StopWithdrawn(Wall, id), _ =>
            {
                if (_children.TryGetValue(id, out var child))
                    child.Tell(new VmProtocol.GoOn());
                sender.Tell(new HostProtocol.Done(id, "runs, and is wanted again", []));
            });
        }
        else if (_state.Resting.TryGetValue(id, out var resting))
        {
            if (!start.Force && HostEnds.Doubt(resting) is { } doubt)
                Refuse(HostProtocol.RefusalKind.Refused, doubt);
            else if (HostEnds.Hindrance(_state, resting, _settings) is { } why)
                Refuse(HostProtocol.RefusalKind.Refused, why);
            else
                Ask(resting, 0, 0, Now + (start.Timeout ?? _admissionSettings.Deadline), () => sender.Tell(new HostProtocol.Done(id, "accepted: it starts as soon as its memory is free", [])));
        }
        else if (_state.Vms.ContainsKey(id) || _state.Admissions.ContainsKey(id))
        {
            Refuse(HostProtocol.RefusalKind.Conflict, $"{id} {(_state.Vms.ContainsKey(id) ? "runs" : "is being created")} already");
        }
        else
        {
            Refuse(HostProtocol.RefusalKind.NotFound, $"there is no VM {id} on this host; 'dmm vm list' shows those that there are");
        }
    }

    private void ReturnThoseDue()
    {
        var due = HostEnds.Due(_state, Now);
        // A timer may ring a little early.
        if (due.Count == 0)
            AwaitReturns();
        foreach (var (place, resting) in due.Index())
        {
            if (HostEnds.Hindrance(_state, resting, _settings) is { } hindrance)
            {
                Record(HostEnds.Hindered(resting, hindrance, _settings.Returns, Clocks), _ => AwaitReturns());
            }
            else
            {
                Ask(resting, place, resting.Tries, Now + _settings.Returns.Deadline, () => { });
            }
        }
    }

    /// <summary>The VM is asked for, in the queue with all others.</summary>
    /// <param name="place">How many are asked for before it in the same moment.</param>
    private void Ask(RestingVm resting, int place, int tries, Moment deadline, Action then)
    {
        Record(HostEnds.Again(_state, resting, place, tries, deadline, Clocks), _ =>
        {
            _admission.Tell(new AdmissionProtocol.Restore([new(resting.Spec.Id, deadline, Provided: false)]));
            then();
            AwaitReturns();
            QueuePlan();
        });
    }

    private HostProtocol.Refused? Overcommitted(VmId id, MemorySize max) =>
        HostEnds.Overcommitted(_state, id, max, _settings) is { } why ? new(HostProtocol.RefusalKind.Refused, why) : null;

    /// <summary>Rings when the next one is due; before the ledger governs nobody returns.</summary>
    private void AwaitReturns()
    {
        _nextReturn?.Cancel();
        _nextReturn = null;
        if (!_inControl || _state.Resting.Values.Min(vm => vm.ReturnAt) is not { } next)
            return;
        var wait = next - Now;
        if (wait <= TimeSpan.Zero)
            Self.Tell(new ReturnsDue());
        else
            _nextReturn = Context.System.Scheduler.ScheduleTellOnceCancelable(wait, Self, new ReturnsDue(), Self);
    }

    /// <summary>What ran before the host restarted can't run now. All ends are written at once, so that all that return do so in the order of their priority.</summary>
    private void EndThoseOfAnotherBoot()
    {
        if (_watch?.BootId is not { } boot)
            return;
        _state = _state.LetGo.Where(vm => vm.Value.BootId is { } its && its != boot).Aggregate(_state, static (state, vm) => state.Gone(vm.Key));
        foreach (var (id, vm) in _state.Vms.Where(vm => vm.Value.Handle.BootId is { } its && its != boot).ToList())
        {
            _ofAnotherBoot.Add(id);
            Record(HostEnds.EndOf(vm, EndCause.HostRestarted, "the host has restarted", _settings.Returns, Clocks), _ => Release(id));
        }
    }

    private sealed record ReturnsDue;
}
