using System.Collections.Immutable;
using Akka.Actor;
using Dmm.Actors.Admission;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Hosts;

/// <summary>What operators ask of the host.</summary>
public sealed partial class HostActor
{
    private void OperatorCommands()
    {
        Command<HostProtocol.GetStatus>(_ => Sender.Tell(
            new HostProtocol.Status(_state, _reports, _forecasts, _settings.Cushion, _gathering)));
        Command<HostProtocol.AdoptVm>(Adopt);
        Command<HostProtocol.SetPolicy>(SetPolicy);
        Command<HostProtocol.ResizeVm>(Resize);
        Command<HostProtocol.StopVm>(Stop);
        Command<HostProtocol.ForgetVm>(Forget);
    }

    private void Adopt(HostProtocol.AdoptVm adopt)
    {
        var (id, size) = (adopt.Handle.Id, adopt.Actual + adopt.Overhead);
        if (InUse(id) is { } conflict)
        {
            Sender.Tell(conflict);
        }
        else if (size > _state.Ledger.Free)
        {
            Refuse(HostProtocol.RefusalKind.Refused,
                $"{id} has {adopt.Actual} and costs about {adopt.Overhead} beside, but only {_state.Ledger.Free} of dmm.host.memory {_state.Ledger.HostMemory} are free");
        }
        else
        {
            var sender = Sender;
            Record(new VmAdopted(Now, adopt.Policy, adopt.Handle, adopt.Actual, adopt.Overhead), _ =>
            {
                Spawn(id);
                sender.Tell(new HostProtocol.Done(id, $"adopted with {adopt.Actual}", []));
            });
        }
    }

    private void SetPolicy(HostProtocol.SetPolicy set)
    {
        if (Find(set.Vm) is not { } vm)
            return;
        var policy = vm.Policy with { Min = set.Min ?? vm.Policy.Min, Max = set.Max ?? vm.Policy.Max, Shares = set.Shares ?? vm.Policy.Shares };
        var most = _reports.TryGetValue(set.Vm, out var report) && report is { Capabilities: { } can, Sizes: { } sizes }
            ? sizes.Base + can.PluggableMax
            : policy.Max;
        if (policy.Fault() is { } fault)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: {fault}");
        }
        else if (set.Max > most)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: max {set.Max} is more than the {most} that its devices allow without a restart");
        }
        else if (set.Min > vm.Policy.Min && MissingForMin(set.Vm, policy.Min) is { IsZero: false } missing)
        {
            Refuse(HostProtocol.RefusalKind.Refused, $"{set.Vm}: min {policy.Min} can't be guaranteed: with the peers' mins {missing} are missing on this host");
        }
        else
        {
            var (sender, text) = (Sender, $"min {policy.Min}, max {policy.Max}, shares {policy.Shares}");
            Record(new PolicySet(Now, set.Vm, policy), _ =>
            {
                sender.Tell(new HostProtocol.Done(set.Vm, text, []));
                QueuePlan();
            });
        }
    }

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
        if (target is { } size && _reports.TryGetValue(resize.Vm, out var report) && report.Capabilities is { BlockSize: { IsZero: false } block })
        {
            target = size.RoundUp(block).Clamp(vm.Policy.Min, vm.Policy.Max);
            if (target != size)
                notes = [$"{size} was rounded to {target}, a multiple of the block of {block}"];
        }

        var sender = Sender;
        Record(new OperatorTargetSet(Now, resize.Vm, target), _ =>
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

        if (Find(stop.Vm) is null)
            return;
        var sender = Sender;
        Record(new StopAsked(Now, stop.Vm, stop.Grace), _ =>
        {
            _children[stop.Vm].Tell(new Vms.VmProtocol.Stop(stop.Grace));
            sender.Tell(new HostProtocol.Done(stop.Vm, "is being stopped; its memory comes back when it is gone", []));
        });
    }

    private void Forget(HostProtocol.ForgetVm forget)
    {
        if (_state.Admissions.ContainsKey(forget.Vm))
        {
            _admission.Forward(new AdmissionProtocol.Cancel(forget.Vm));
            return;
        }

        if (Find(forget.Vm) is null)
            return;
        var sender = Sender;
        Record(new VmForgotten(Now, forget.Vm), _ =>
        {
            Release(forget.Vm);
            sender.Tell(new HostProtocol.Done(forget.Vm, "runs on without DMM", []));
        });
    }

    private VmRecord? Find(VmId id)
    {
        if (_state.Vms.TryGetValue(id, out var vm))
            return vm;
        Refuse(HostProtocol.RefusalKind.NotFound, $"there is no VM {id} on this host; 'dmm vm list' shows those that there are");
        return null;
    }

    private HostProtocol.Refused? InUse(VmId id) =>
        _state.Vms.ContainsKey(id) || _state.Admissions.ContainsKey(id)
            ? new(HostProtocol.RefusalKind.Conflict, $"there is a VM {id} on this host already; use another name")
            : null;

    private void Refuse(HostProtocol.RefusalKind kind, string why) => Sender.Tell(new HostProtocol.Refused(kind, why));

    /// <summary>What is missing on this host for all mins to be guaranteed together, with this VM's set to <paramref name="min"/>.</summary>
    private MemorySize MissingForMin(VmId id, MemorySize min)
    {
        var sum = _state.Ledger.HostReserve + _state.Ledger.Reserved;
        foreach (var (vm, record) in _state.Vms)
            sum += (vm == id ? min : record.Policy.Min) + _state.Ledger.Claims[vm].Overhead;
        return sum.MinusOrZero(_state.Ledger.HostMemory);
    }
}
