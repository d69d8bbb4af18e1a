using System.Collections.Immutable;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Core.Hosts;

/// <summary>Requests of operators. <see cref="HostRefusals"/> decides whether they are allowed.</summary>
internal sealed partial class HostTurn
{
    private void Adopt(HostProtocol.AdoptVm adopt)
    {
        // Somebody else's VM has no control group of DMM's: what its balloon holds is trusted, or counts as its own from the start.
        if (Trusts.Of(Settings.Trust, enforced: false) == Trust.None)
            adopt = adopt with { Ceiling = adopt.Ceiling + adopt.Returnable };
        if (HostRefusals.OfAdoption(State, adopt, Host.ReadAfter, Settings) is { } refused)
        {
            Reply(refused);
            // What is on lease does not help one whose devices are only to be read again.
            if (refused.Soon && adopt.ReadAt >= Host.ReadAfter)
                TakeLeasesBack();
            return;
        }

        var id = adopt.Handle.Id;
        Record(new VmAdopted(Wall, adopt.Policy, adopt.Handle, adopt.Ceiling, adopt.Overhead));
        if (adopt.Resident is { } resident)
            Host = Host with { State = State with { Ledger = State.Ledger.Holds(id, resident) } };
        Do(new HostEffect.StartVms([id]));
        Done(id, $"adopted with {adopt.Ceiling}", adopt.Notes);
    }

    private void SetPolicy(HostProtocol.SetPolicy set)
    {
        if (State.Resting.TryGetValue(set.Vm, out var resting))
            SetResting(set, resting);
        else if (Find(set.Vm) is { } vm)
            SetRunning(set, vm);
    }

    private void SetRunning(HostProtocol.SetPolicy set, VmRecord vm)
    {
        var report = Host.Reports.GetValueOrDefault(set.Vm);
        var policy = set.Of(vm.Policy);
        if (HostRefusals.OfPolicy(State, set, vm, policy, report, Settings) is { } refused)
        {
            Reply(refused);
            return;
        }

        if (set.Restart is { } wanted)
            Record(new RestartSet(Wall, set.Vm, wanted));
        Record(new PolicySet(Wall, set.Vm, policy));
        var restart = set.Restart ?? vm.Spec?.Restart;
        Done(
            set.Vm,
            $"min {policy.Min}, max {policy.Max}, shares {policy.Shares}{(restart is { } r ? $", restart {HostNotices.Words(r)}" : "")}",
            LimitNotes(report, set.Max));
        QueuePlan();
    }

    private void SetResting(HostProtocol.SetPolicy set, RestingVm resting)
    {
        var policy = set.Of(resting.Spec.Policy);
        if (HostRefusals.OfPolicy(State, set, resting, policy, Settings) is { } refused)
        {
            Reply(refused);
            return;
        }

        // The size that it boots with stays within its bounds, as for a running VM.
        var (before, boot, restart) = (resting.Spec.Boot, resting.Spec.Under(policy).Boot, set.Restart ?? resting.Spec.Restart);
        if (set.Restart is { } wanted)
        {
            Record(new RestartSet(Wall, set.Vm, wanted));
            AwaitReturns();
        }

        Record(new PolicySet(Wall, set.Vm, policy));
        Done(
            set.Vm,
            $"min {policy.Min}, max {policy.Max}, shares {policy.Shares}, restart {HostNotices.Words(restart)}, from its next start on",
            boot == before ? [] : [$"it boots with {boot} instead of {before}, within its new bounds"]);
    }

    /// <summary>Returns notes where a max is higher than the guest itself can use: that is allowed, but the operator is told.</summary>
    private ImmutableArray<string> LimitNotes(VmProtocol.Report? report, MemorySize? max) =>
        max is { } size && report is { Hello: { } hello, Sizes: { } sizes }
        && GuestGrowth.MostPlugged(hello, sizes.Base, sizes.Plugged, machine.Profile) is { } most && size > sizes.Base + most
            ? GuestGrowth.Limits(hello, sizes.Base, machine.Profile)
            : [];

    private void Resize(HostProtocol.ResizeVm resize)
    {
        if (Find(resize.Vm) is not { } vm)
            return;
        if (HostRefusals.OfTarget(resize, vm) is { } refused)
        {
            Reply(refused);
            return;
        }

        ImmutableArray<string> notes = [];
        var (target, report) = (resize.Target, Host.Reports.GetValueOrDefault(resize.Vm));
        if (target is { } size && report is { Sizes: { } sizes, Capabilities: { BlockSize: { IsZero: false } block } can })
        {
            var whole = MemoryLayout.InWholeBlocks(can);
            target = (whole ? MemoryLayout.LeastFrom(size, sizes, can) : size.RoundUp(block)).Clamp(vm.Policy.Min, vm.Policy.Max);
            if (target != size)
                notes = [$"{size} was rounded to {target}, {(whole ? $"its base and whole blocks of {block}" : $"a multiple of the "
                    + $"block of {block}")}"];
        }

        if (report?.Capabilities?.Keeps is { } keeps && target < vm.Promise.Granted)
            notes = notes.Add($"memory that it gives does not come back to the host: {keeps}");
        if (State.Ledger.Claims[resize.Vm].Firm is var firm && target < firm)
            notes = notes.Add(
                $"it keeps the {firm} that it booted with: its balloon is not trusted (dmm.vm.trust), so it would free nothing");
        Record(new OperatorTargetSet(Wall, resize.Vm, target));
        Done(resize.Vm, target is { } t ? $"its target is {t} until 'dmm vm resize {resize.Vm} auto'" : "DMM decides again", notes);
        QueuePlan();
    }

    private void Stop(HostProtocol.StopVm stop)
    {
        var (id, order) = (stop.Vm, stop.Order);
        if (State.Admissions.ContainsKey(id))
        {
            Do(new HostEffect.TellAdmission(new AdmissionProtocol.Cancel(id), Forward: true));
        }
        else if (State.Resting.TryGetValue(id, out var resting))
        {
            StopResting(id, resting);
        }
        else if (Find(id) is { } vm)
        {
            Record(new StopAsked(Wall, id, order.Grace) { Kill = order.Kill });
            // A VM whose actor is not started yet hears of it with its part of the journal.
            order = State.StopOf(State.Vms[id], Now) ?? order;
            Do(new HostEffect.TellVm(id, new VmProtocol.Stop(order)));
            Done(id, $"{HowItStops(order, vm)}; its memory comes back when it is gone");
        }
    }

    private string HowItStops(StopOrder order, VmRecord vm) =>
        order.AtOnce && vm.Handle is { Owned: false, Pid: null }
            ? "it is told to quit; DMM does not know its process, so it can't kill it"
            : order.AtOnce ? "its process is being ended"
            : $"its guest is asked to power down, and has {order.GraceFrom(Now).TotalSeconds:0.#} "
            + $"s; {(order.Kill ? "then its process is ended" : "otherwise it runs on")}";

    private void StopResting(VmId id, RestingVm resting)
    {
        if (!resting.IsToReturn)
        {
            Done(id, "is stopped already");
            return;
        }

        Record(HostEnds.Stays(resting, now));
        Done(id, "stays stopped: it does not return");
        AwaitReturns();
    }

    private void Forget(HostProtocol.ForgetVm forget)
    {
        var id = forget.Vm;
        if (State.Resting.ContainsKey(id))
        {
            Record(new VmForgotten(Wall, id));
            Done(id, "forgotten; it did not run");
        }
        else if (State.Admissions.ContainsKey(id))
        {
            Do(new HostEffect.TellAdmission(new AdmissionProtocol.Cancel(id), Forward: true));
        }
        else if (Find(id) is { } vm)
        {
            Record(new VmForgotten(Wall, id) { Handle = vm.Handle, Held = State.Ledger.Claims[id].Size });
            Host = Host with { ReadAfter = Now };
            Release(id);
            Done(id, "runs on without DMM");
        }
    }

    private void Start(HostProtocol.StartVm start)
    {
        var id = start.Vm;
        if (State.Vms.TryGetValue(id, out var vm) && vm.Unwanted)
        {
            Record(new StopWithdrawn(Wall, id));
            var drain = State.StopOf(State.Vms[id], Now);
            Do(new HostEffect.TellVm(id, drain is null ? new VmProtocol.GoOn() : new VmProtocol.Stop(drain)));
            Done(id, drain is null ? "runs on: the order to stop it is withdrawn"
                : "the order to stop it is withdrawn; it ends by the drain of this host, and returns with 'dmm host undrain'");
        }
        else if (HostRefusals.OfStart(State, start, Settings) is { } refused)
        {
            Reply(refused);
        }
        else
        {
            Ask(State.Resting[id], 0, Now + (start.Timeout ?? Settings.Admission.Deadline));
            Done(id, "accepted: it starts as soon as its memory is free");
        }
    }

    /// <summary>Returns a VM that runs; where there is none, refuses the request.</summary>
    private VmRecord? Find(VmId id)
    {
        if (State.Vms.TryGetValue(id, out var vm))
            return vm;
        Reply(HostRefusals.NoneRuns(State, id));
        return null;
    }
}
