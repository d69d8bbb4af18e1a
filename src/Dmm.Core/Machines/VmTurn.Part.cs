using Dmm.Core.Hosts;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>The part of a VM that the host's actor assigns to this machine: which VM it is, what it was promised, and its target.</summary>
internal sealed partial class VmTurn
{
    private void Assume(VmProtocol.Assume part)
    {
        Vm = Vm with { Part = part };
        if (part.Promise is { } promise)
            Feed(new VmCommand.SetTarget(promise.Target, part.Policy.Max, false, part.Policy.Min));
        if (part.Handle is { } handle)
            Connect(handle);
        else
            Launch(part);
    }

    /// <summary>
    /// Launches the VM. If the daemon may have crashed between an earlier launch and its record in the journal, the VM is looked for first.
    /// </summary>
    private void Launch(VmProtocol.Assume part)
    {
        Vm = Vm with { Launching = true };
        Do(part.MayRun ? new VmEffect.Find(part.Spec!) : new VmEffect.Launch(part.Spec!));
    }

    /// <summary>
    /// Takes its part again, because the host's actor has restarted: what the earlier actor was told may never have been written. The VM is
    /// not touched. This machine knows better which process runs it.
    /// </summary>
    private void AssumeAgain(VmProtocol.Assume known, VmProtocol.Assume part)
    {
        // That its guest was heard may not have been written either.
        var (booted, ever) = (part.Booted || known.Booted, part.EverBooted || known.EverBooted);
        Vm = Vm with { Part = part with { Handle = known.Handle ?? part.Handle, Booted = booted, EverBooted = ever }, Heard = 0 };
        if (known.Handle is { } handle && part.Handle is null)
            Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        else if (known.Handle is { } mine && mine != part.Handle)
            Do(new VmEffect.TellHost(new VmProtocol.Identified(Vm.Id, mine)));
        else if (known.Handle is null && !Vm.Launching)
            Launch(part);
        if (part.Stop is { } order && order != known.Stop)
            Stop(order);
        else if (part.Stop is null && known.Stop is not null)
            GoOn();
        Report();
    }

    /// <summary>
    /// Reports the end again. The launch may not have been written either, and a VM that is still being created can't end, so the launch is
    /// reported first.
    /// </summary>
    private void TellEnd(VmProtocol.Assume part, VmProtocol.Ended end)
    {
        if (part.Handle is null && Vm.Part?.Handle is { } handle)
            Do(new VmEffect.TellHost(new VmProtocol.Launched(Vm.Id, handle)));
        Do(new VmEffect.TellHost(end));
    }

    private void SetTarget(VmProtocol.SetTarget t)
    {
        // A target that gives it what it has taken already is the host's answer to its need.
        Vm = Vm with
        {
            Heard = t.Number,
            Overhead = t.Overhead,
            Told = t,
            InNeedAt = t.Lease.IsZero || t.Target >= Memory.Target ? null : Vm.InNeedAt,
        };
        Aim(t);
    }

    /// <summary>
    /// Takes the lease: it was promised beforehand, so it waits neither for the host's actor nor for its disk. The host follows with a new
    /// target as soon as it can; until then the VM is above its target.
    /// </summary>
    private void InNeed(VmProtocol.InNeed need)
    {
        if (Vm is not { Told: { Lease.IsZero: false } told } || need.Demand <= told.Target)
            return;
        var first = Vm.InNeedAt is null;
        Vm = Vm with { InNeedAt = Now };
        if (!first)
            return;
        Notify(
            "takesLease", $"its guest is in need: it takes the {told.Lease} that it has on lease", told.Target, told.Target + told.Lease);
        Aim(told);
    }

    /// <summary>Gives the lease back once its guest has not been in need for a while.</summary>
    private void GiveLeaseBack()
    {
        if (Vm is not { InNeedAt: { } since, Told: { } told } || Now - since < HostPlanner.UrgencyAge)
            return;
        Vm = Vm with { InNeedAt = null };
        Aim(told);
    }

    private void Aim(VmProtocol.SetTarget told)
    {
        var (target, urgent) = Vm.InNeedAt is null ? (told.Target, told.Urgent) : (told.Target + told.Lease, true);
        Feed(new VmCommand.SetTarget(target, told.Max, urgent, told.Min), report: true);
    }
}
