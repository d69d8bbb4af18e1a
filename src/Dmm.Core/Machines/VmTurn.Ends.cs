using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;

namespace Dmm.Core.Machines;

/// <summary>
/// The ends of a VM that DMM causes: its operator stopped it, or it was given up because it never booted. The claim ends when the VM's
/// process is gone, not before.
/// </summary>
internal sealed partial class VmTurn
{
    /// <summary>
    /// Asks the guest to power down; its grace begins then. After a fault, or a crash of the daemon, the guest is asked again and its grace
    /// begins again. A later order replaces an earlier one.
    /// </summary>
    private void Stop(StopOrder order)
    {
        Vm = Vm with { Part = Vm.Part is null ? null : Vm.Part with { Stop = order } };
        // An end that is being tried can't be taken back; the order is carried out if that end fails.
        if (Vm.GaveUp is not null || Vm.Ending)
            return;
        Silence(VmTimer.EndAgain);
        if (!order.AtOnce)
            EndNoMore();
        Vm = Vm with { EndWhy = null };
        if (!Vm.InHand)
        {
            // A VM that is being launched or connected hears of the order once it is connected.
            if (Memory.Phase == VmPhase.Lost)
                StopOneThatIsLost();
            return;
        }

        Vm = Vm with { Stopping = true };
        if (order.AtOnce)
        {
            EndNow("its process is being ended");
            return;
        }

        var until = now.WallOf(Now + order.GraceFrom(Now));
        Vm = Vm with
        {
            StopWhy =
                $"its guest was asked to power down, and has "
                + $"until {until:HH:mm:ss}; {(order.Kill ? "then its process is ended" : "otherwise it runs on")}",
        };
        Report();
        LetGraceRun(order.GraceFrom(Now));
        AskToPowerDown();
    }

    private void LetGraceRun(TimeSpan grace)
    {
        Wake(VmTimer.Grace, grace);
        Vm = Vm with { GraceRuns = true };
    }

    private void EndGrace()
    {
        Silence(VmTimer.Grace);
        Silence(VmTimer.AskAgain);
        Vm = Vm with { GraceRuns = false };
    }

    private void AskToPowerDown()
    {
        if (!Vm.InHand || !Vm.Stopping || Vm.Part?.Stop is not { AtOnce: false } || Vm.GaveUp is not null)
            return;
        Wake(VmTimer.AskAgain, settings.AskAgain);
        Do(new VmEffect.AskToPowerDown());
    }

    private void NotAsked(string why)
    {
        if (!Vm.Stopping || Vm.Part?.Stop is not { AtOnce: false } || Vm.EndWhy is not null)
            return;
        Vm = Vm with { StopWhy = $"its guest could not be asked to power down: {why}; DMM tries again" };
        Report();
    }

    private void StopIsLate()
    {
        Vm = Vm with { GraceRuns = false };
        if (Vm.Part?.Stop is not { } order || Vm.GaveUp is not null || Vm.Ending)
            return;
        var why = $"its guest did not power down within {order.Grace.TotalSeconds:0.#} s";
        if (order.Kill)
        {
            EndNow($"{why}: its process is being ended");
            return;
        }

        Silence(VmTimer.AskAgain);
        Vm = Vm with { Stopping = false, Part = Vm.Part with { Stop = null } };
        Do(new VmEffect.TellHost(new VmProtocol.StopGivenUp(Vm.Id, why)));
        Report();
    }

    /// <summary>
    /// Withdraws the order to stop. A guest that was asked already may still power down: that then counts as its own decision.
    /// </summary>
    private void GoOn()
    {
        Vm = Vm with { Part = Vm.Part is null ? null : Vm.Part with { Stop = null } };
        if (Vm.GaveUp is not null)
            return;
        EndGrace();
        Silence(VmTimer.EndAgain);
        EndNoMore();
        Vm = Vm with { Stopping = false, NotEnded = null };
        Report();
    }

    /// <summary>
    /// Carries out an order to stop while the VM can't be reached. Its guest can't be asked then; but its process can be ended if it is
    /// known.
    /// </summary>
    private void StopOneThatIsLost()
    {
        if (Vm.Part is not { Stop: { } order, Handle: not null } || Vm.InHand || Vm.Ending)
            return;
        Vm = Vm with { Stopping = true };
        Report();
        if (Vm.EndWhy is not null)
            return;
        if (order.AtOnce)
        {
            EndNow("it can't be reached; its process is being ended");
            return;
        }

        Vm = Vm with { StopWhy = $"it can't be reached, so its guest can't be asked to power down: {Memory.Why}" };
        if (!Vm.GraceRuns)
            LetGraceRun(order.GraceFrom(Now));
    }

    /// <summary>
    /// Reports a guest that has not been heard from for long after its start, once for each run of this machine. A VM is ended for that
    /// only before its first boot, and only where its spec asks for it.
    /// </summary>
    private void WatchBoot()
    {
        if (!Vm.InHand || Vm.Part is not { Booted: false, Spec: { } spec } part || Vm.HasSpoken || Vm.GaveUp is not null)
            return;
        var deadline = Memory.Profile.BootDeadline;
        var verdict = BootWatch.Verdict(spec.BootCheck, part.EverBooted, Memory.Listened.Read(Now), deadline);
        if (verdict == BootVerdict.Wait || (verdict == BootVerdict.Say && Vm.Silent is not null))
            return;
        var boot = part.Handle!.Base;
        var words = BootWatch.Words(
            verdict, part.EverBooted, deadline, part.Handle.AgentSocket is not null, Memory.Capabilities is { Balloon: true },
            part.Asked is { } asked && boot < asked ? (boot, asked) : null);
        if (verdict == BootVerdict.Say)
        {
            Vm = Vm with { Silent = words };
            Notify("bootSilent", words);
            return;
        }

        Vm = Vm with { GaveUp = words };
        EndNow(words);
    }

    /// <summary>
    /// Gives up the end: the VM runs on. A fault that broke its connection meanwhile is now treated as a fault, and the VM is connected
    /// again.
    /// </summary>
    private void EndNoMore()
    {
        Vm = Vm with { EndWhy = null };
        if (Vm.Unheeded is { } why)
            Lose(why);
    }

    private void EndNow(string why)
    {
        EndGrace();
        Vm = Vm with { Stopping = true, EndWhy = why, StopWhy = why };
        Report();
        TryToEnd();
    }

    /// <summary>Tries to end the process, one try at a time. A failure is reported and tried again.</summary>
    private void TryToEnd()
    {
        if (Vm.Ending || Vm.EndWhy is null || Vm.Part?.Handle is not { } handle)
            return;
        Vm = Vm with { Ending = true };
        Do(new VmEffect.EndProcess(handle));
    }

    private void NotEnded(string why)
    {
        Vm = Vm with { Ending = false };
        // Its operator wants something else by now.
        if (Vm.GaveUp is null && Vm.Part?.Stop is not { Kill: true })
        {
            EndNoMore();
            if (Vm.Part?.Stop is { } order)
                Stop(order);
            return;
        }

        Vm = Vm with { StopWhy = $"{Vm.EndWhy}, but that failed: {why}; its claim stands, and DMM tries again" };
        if (why != Vm.NotEnded)
            Notify("notEnded", Vm.StopWhy!);
        Vm = Vm with { NotEnded = why };
        Report();
        Wake(VmTimer.EndAgain, BackOff(Vm.Endings));
        Vm = Vm with { Endings = Vm.Endings + 1 };
    }
}
