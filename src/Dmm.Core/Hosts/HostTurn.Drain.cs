using System.Collections.Immutable;

namespace Dmm.Core.Hosts;

/// <summary>
/// The drain of a host: it takes no VM, and its VMs are asked to power down with one deadline for all. One event says all of that, and one
/// says that the host is back and who returns, so a crash of the daemon leaves nothing half done (docs/use/lifecycle.md).
/// </summary>
internal sealed partial class HostTurn
{
    private void Drain(HostProtocol.DrainHost drain)
    {
        // VMs that somebody else started are theirs: they are asked only where the operator says so.
        ImmutableArray<VmId> asked =
            [.. State.Vms.Where(vm => drain.Adopted || vm.Value.Spec is not null || vm.Value.Drain is not null).Select(vm => vm.Key)];
        Record(new HostDrainBegun(
            Wall, now.WallOf(Now + drain.Deadline), drain.Kill, drain.Stay || State.Drain?.Stay == true, Host.BootId, asked));
        foreach (var id in asked)
            Do(new HostEffect.TellVm(id, new VmProtocol.Stop(State.StopOf(State.Vms[id], Now)!)));
        AwaitReturns();
        QueuePlan();
        Reply(new HostProtocol.HostDone(DrainWords.Begun(State, now), Host.Status()));
    }

    private void Undrain()
    {
        if (State.Drain is null)
        {
            Refuse(HostProtocol.RefusalKind.Conflict, "this host is in service: it is not drained");
            return;
        }

        var asked = State.Vms.Where(vm => vm.Value.Drain == VmDrain.Asked).Select(vm => vm.Key).ToList();
        var returns = State.Resting.Values.Count(vm => vm.Drained);
        Record(new HostDrainEnded(Wall, "an operator takes it back into service"));
        foreach (var id in asked)
        {
            // The order of its own operator stands.
            Do(new HostEffect.TellVm(id, State.Vms[id].Stop is { } own ? new VmProtocol.Stop(own) : new VmProtocol.GoOn()));
        }

        AwaitReturns();
        QueuePlan();
        // Requests that came before the drain have waited for this.
        TellLine();
        Reply(new HostProtocol.HostDone(DrainWords.Ended(returns, asked.Count), Host.Status()));
    }

    /// <summary>Tells operators once when nothing of a drain is waited for any more.</summary>
    private void SayDrained()
    {
        if (State.Drain is null || State.DrainsStill > 0 || (ReferenceEquals(State.Drain, _before.Drain) && _before.DrainsStill == 0))
            return;
        Notify("hostDrained", null, DrainWords.Done(State), warn: State.MayRun > 0);
    }
}
