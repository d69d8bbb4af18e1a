using System.Collections.Immutable;
using Akka.Actor;
using Dmm.Actors.Admission;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>What operators ask of the host.</summary>
public sealed partial class HostActor
{
    private void OperatorCommands()
    {
        Command<HostProtocol.GetStatus>(_ => Sender.Tell(StatusNow()));
        Command<HostProtocol.AdoptVm>(Adopt);
        Command<HostProtocol.SetPolicy>(SetPolicy);
        Command<HostProtocol.ResizeVm>(Resize);
        Command<HostProtocol.StopVm>(Stop);
        Command<HostProtocol.ForgetVm>(Forget);
    }

    private void Adopt(HostProtocol.AdoptVm adopt)
    {
        var id = adopt.Handle.Id;
        var size = MemorySize.Max(adopt.Ceiling + adopt.Overhead, adopt.Resident ?? MemorySize.Zero);
        // What one that was let go of holds is taken already.
        var known = _state.LetGoAs(adopt.Handle);
        var ledger = known is { } name ? _state.Ledger.Gone(name) : _state.Ledger;
        if ((InUse(id) ?? Governed(adopt)) is { } conflict)
        {
            Sender.Tell(conflict);
        }
        else if (known != id && LetGoUnder(id) is { } another)
        {
            Sender.Tell(another);
        }
        else if (Overcommitted(id, adopt.Policy.Max) is { } overcommitted)
        {
            Sender.Tell(overcommitted);
        }
        else if (size > ledger.Free)
        {
            Refuse(HostProtocol.RefusalKind.Refused,
                $"{id} can become {adopt.Ceiling} as its devices stand and costs about {adopt.Overhead} beside{(size > adopt.Ceiling + adopt.Overhead ? $", and its process holds {size}" : "")}, "
                    + $"but only {ledger.Free} of dmm.host.memory {ledger.HostMemory} are free");
        }
        else if (NotGuaranteed(ledger, id, adopt.Policy.Min, adopt.Overhead) is { } missing)
        {
            Sender.Tell(missing);
        }
        else
        {
            var sender = Sender;
            Record(new VmAdopted(Wall, adopt.Policy, adopt.Handle, adopt.Ceiling, adopt.Overhead), _ =>
            {
                if (adopt.Resident is { } resident)
                    _state = _state with { Ledger = _state.Ledger.Holds(id, resident) };
                Spawn(id);
                sender.Tell(new HostProtocol.Done(id, $"adopted with {adopt.Ceiling}", adopt.Notes));
            });
        }
    }

    /// <summary>One process under two names would be claimed twice, and two actors would pull at one balloon.</summary>
    private HostProtocol.Refused? Governed(HostProtocol.AdoptVm adopt)
    {
        var name = _state.GovernedAs(adopt.Handle)
            // Its launch may still be under way: then its process is not known here yet.
            ?? (adopt.LaunchedAs is { } launched && (_state.Vms.ContainsKey(launched) || _state.Admissions.ContainsKey(launched)) ? launched : null);
        return name is { } governed ? new(HostProtocol.RefusalKind.Conflict, $"{adopt.Handle.Whereabouts()} is governed as {governed} already") : null;
    }

    private void SetPolicy(HostProtocol.SetPolicy set)
    {
        if (_state.Resting.TryGetValue(set.Vm, out var resting))
        {
            SetResting(set, resting);
            return;
        }

        if (Find(set.Vm) is not { } vm)
            return;
        var policy = vm.Policy with { Min = set.Min ?? vm.Policy.Min, Max = set.Max ?? vm.Policy.Max, Shares = set.Shares ?? vm.Policy.Shares };
        var most = _reports.TryGetValue(set.Vm, out var report) && report is { Capabilities: { } can, Sizes: { } sizes }
            ? sizes.Base + can.ExtendableTo
            : policy.Max;
        if (policy.Fault() is { } fault)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: {fault}");
        }
        else if (set.Restart is not null && vm.Spec is null)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: somebody else started it, so that DMM can't create it anew; only a VM that 'dmm vm create' made has a restart policy");
        }
        else if (set.Max > vm.Policy.Max && Overcommitted(set.Vm, policy.Max) is { } overcommitted)
        {
            Sender.Tell(overcommitted);
        }
        else if (set.Max > most)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: max {set.Max} is more than the {most} that its devices, and those that can be added while it runs, allow");
        }
        else if (set.Min > vm.Policy.Min && NotGuaranteed(_state.Ledger, set.Vm, policy.Min, vm.Overhead) is { } missing)
        {
            Sender.Tell(missing);
        }
        else
        {
            var restart = set.Restart ?? vm.Spec?.Restart;
            var (sender, text) = (Sender, $"min {policy.Min}, max {policy.Max}, shares {policy.Shares}{(restart is { } r ? $", restart {HostHappenings.Words(r)}" : "")}");
            if (set.Restart is { } wanted)
                Record(new RestartSet(Wall, set.Vm, wanted), _ => { });
            Record(new PolicySet(Wall, set.Vm, policy), _ =>
            {
                sender.Tell(new HostProtocol.Done(set.Vm, text, LimitNotes(report, set.Max)));
                QueuePlan();
            });
        }
    }

    /// <summary>A higher max that the guest itself would not follow is allowed, but not without a word.</summary>
    private ImmutableArray<string> LimitNotes(VmProtocol.Report? report, MemorySize? max) =>
        max is { } size && report is { Hello: { } hello, Sizes: { } sizes }
        && GuestGrowth.MostPlugged(hello, sizes.Base, sizes.Plugged, _vmSettings.Profile) is { } most && size > sizes.Base + most
            ? GuestGrowth.Limits(hello, sizes.Base, _vmSettings.Profile)
            : [];

    private void Resize(HostProtocol.ResizeVm resize)
    {
        if (Find(resize.Vm) is not { } vm)
            return;
        if (resize.Target is { } wanted && (wanted < vm.Policy.Min || wanted > vm.Policy.Max))
        {
            Refuse(HostProtocol.RefusalKind.Refused,
                $"{resize.Vm}: {wanted} is outside its policy, min {vm.Policy.Min} to max {vm.Policy.Max}; change that first with 'dmm vm set'");
            return;
        }

        ImmutableArray<string> notes = [];
        var target = resize.Target;
        if (target is { } size && _reports.TryGetValue(resize.Vm, out var report) && report is { Sizes: { } sizes, Capabilities: { BlockSize: { IsZero: false } block } can })
        {
            var whole = MemoryLayout.InWholeBlocks(can);
            target = (whole ? MemoryLayout.LeastFrom(size, sizes, can) : size.RoundUp(block)).Clamp(vm.Policy.Min, vm.Policy.Max);
            if (target != size)
                notes = [$"{size} was rounded to {target}, {(whole ? $"its base and whole blocks of {block}" : $"a multiple of the block of {block}")}"];
        }

        if (_reports.GetValueOrDefault(resize.Vm)?.Capabilities?.Keeps is { } keeps && target < vm.Promise.Granted)
            notes = notes.Add($"what it gives does not come back to the host: {keeps}");
        var sender = Sender;
        Record(new OperatorTargetSet(Wall, resize.Vm, target), _ =>
        {
            sender.Tell(new HostProtocol.Done(resize.Vm, target is { } t ? $"its target is {t} until 'dmm vm resize {resize.Vm} auto'" : "DMM decides again", notes));
            QueuePlan();
        });
    }

    private void Stop(HostProtocol.StopVm stop)
    {
        if (_state.Admissions.ContainsKey(stop.Vm))
        {
            _admission.Forward(new AdmissionProtocol.Cancel(stop.Vm));
            return;
        }

        if (_state.Resting.TryGetValue(stop.Vm, out var resting))
        {
            StopResting(stop.Vm, resting);
            return;
        }

        if (Find(stop.Vm) is not { } vm)
            return;
        var (sender, order) = (Sender, stop.Order);
        Record(new StopAsked(Wall, stop.Vm, order.Grace) { Kill = order.Kill }, _ =>
        {
            // One that is still to start hears of it with its part of the journal.
            if (_children.TryGetValue(stop.Vm, out var child))
                child.Tell(new VmProtocol.Stop(order));
            var how = order.AtOnce && vm.Handle is { Owned: false, Pid: null }
                ? "it is told to quit, and as it is not known which process runs it none is ended for it"
                : order.AtOnce ? "its process is being ended"
                : $"its guest is asked to power down, and has {order.Grace.TotalSeconds:0.#} s; {(order.Kill ? "then its process is ended" : "otherwise it runs on")}";
            sender.Tell(new HostProtocol.Done(stop.Vm, $"{how}; its memory comes back when it is gone", []));
        });
    }

    private void Forget(HostProtocol.ForgetVm forget)
    {
        if (_state.Resting.ContainsKey(forget.Vm))
        {
            var asker = Sender;
            Record(new VmForgotten(Wall, forget.Vm), _ => asker.Tell(new HostProtocol.Done(forget.Vm, "forgotten; it did not run", [])));
            return;
        }

        if (_state.Admissions.ContainsKey(forget.Vm))
        {
            _admission.Forward(new AdmissionProtocol.Cancel(forget.Vm));
            return;
        }

        if (Find(forget.Vm) is not { } vm)
            return;
        var sender = Sender;
        Record(new VmForgotten(Wall, forget.Vm) { Handle = vm.Handle, Held = _state.Ledger.Claims[forget.Vm].Size }, _ =>
        {
            Release(forget.Vm);
            sender.Tell(new HostProtocol.Done(forget.Vm, "runs on without DMM", []));
        });
    }

    private VmRecord? Find(VmId id)
    {
        if (_state.Vms.TryGetValue(id, out var vm))
            return vm;
        if (_state.Resting.ContainsKey(id))
            Refuse(HostProtocol.RefusalKind.Conflict, $"{id} does not run; 'dmm vm start {id}' starts it");
        else
            Refuse(HostProtocol.RefusalKind.NotFound, $"there is no VM {id} on this host; 'dmm vm list' shows those that there are");
        return null;
    }

    private HostProtocol.Refused? InUse(VmId id) =>
        _state.Vms.ContainsKey(id) || _state.Admissions.ContainsKey(id)
            ? new(HostProtocol.RefusalKind.Conflict, $"there is a VM {id} on this host already; use another name")
            : _state.Resting.ContainsKey(id)
                ? new(HostProtocol.RefusalKind.Conflict, $"there is a VM {id} on this host already, which does not run: 'dmm vm start {id}', 'dmm vm forget {id}', or use another name")
                : null;

    /// <summary>A launch would not meet one that somebody else had started: there would be two under one name.</summary>
    private HostProtocol.Refused? Foreign(VmId id) => _state.LetGo.TryGetValue(id, out var vm) && !vm.Owned ? LetGoUnder(id) : null;

    private HostProtocol.Refused? LetGoUnder(VmId id) => _state.LetGo.ContainsKey(id)
        ? new(HostProtocol.RefusalKind.Conflict, $"a VM {id} that DMM was told to forget still runs, and is another one; use another name")
        : null;

    private void Refuse(HostProtocol.RefusalKind kind, string why) => Sender.Tell(new HostProtocol.Refused(kind, why));

    private HostProtocol.Refused? NotGuaranteed(Ledger ledger, VmId id, MemorySize min, MemorySize overhead) =>
        Guarantees.Missing(ledger, _state.Policies(), id, min, overhead) is { IsZero: false } missing
            ? new(HostProtocol.RefusalKind.Refused,
                $"{id}: min {min} can't be guaranteed: with the peers' mins {missing} are missing on this host{Guarantees.Keepers(ledger)}")
            : null;
}
