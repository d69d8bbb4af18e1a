using Akka.Actor;
using Dmm.Core.Hosts;
using Dmm.Core.Lifecycle;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>How a VM's life ends at DMM's hand: stopped by its operator, or given up because it never booted. The claim ends when its process is gone, not before.</summary>
public sealed partial class VmActor
{
    private const string StopTimer = "stop";
    private const string AskTimer = "ask";
    private const string EndTimer = "end";

    /// <summary>A guest that is still booting, or shows a blank screen, does not hear its power button; one that powers down takes no notice of another press.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);

    private string? _stopWhy;
    private string? _gaveUp;

    /// <summary>What was said of a guest that is silent.</summary>
    private string? _silent;

    /// <summary>Why its process is to end at once; a try to end it is under way while <see cref="_ending"/>.</summary>
    private string? _endWhy;
    private string? _notEnded;
    private bool _ending;
    private int _endings;

    /// <summary>A call that failed while the VM was being ended, which is what it may have failed for.</summary>
    private Exception? _unheeded;

    private bool HasSpoken => _hello is not null || _sample is not null;

    /// <summary>
    /// The guest is asked, and has its grace from then; after a fault, or a death of the daemon, it is asked again and has it again. A later order takes the place of
    /// an earlier one.
    /// </summary>
    private void Stop(StopOrder order)
    {
        _part = _part is null ? null : _part with { Stop = order };
        // What is being tried can't be taken back; the order is heeded when it has failed.
        if (_gaveUp is not null || _ending)
            return;
        Timers.Cancel(EndTimer);
        if (!order.AtOnce)
            EndNoMore();
        _endWhy = null;
        if (_vm is null)
        {
            // One that is being launched, or connected, hears of it when it is in hand.
            if (_memory.Phase == VmPhase.Lost)
                StopOneThatIsLost();
            return;
        }

        _stopping = true;
        if (order.AtOnce)
        {
            EndNow("its process is being ended");
            return;
        }

        var until = Wall + order.Grace;
        _stopWhy = $"its guest was asked to power down, and has until {until:HH:mm:ss}; {(order.Kill ? "then its process is ended" : "otherwise it runs on")}";
        Report();
        Timers.StartSingleTimer(StopTimer, new StopDeadline(), order.Grace);
        AskToPowerDown();
    }

    private void AskToPowerDown()
    {
        if (_vm is not { } vm || !_stopping || _part?.Stop is not { AtOnce: false } || _gaveUp is not null)
            return;
        Timers.StartSingleTimer(AskTimer, new AskOnceMore(), AskAgain);
        var connection = _connection;
        Run(_settings.CallDeadline, async cancellation =>
        {
            await vm.PowerDownAsync(cancellation);
            return true;
        }).PipeTo(Self, success: _ => new Asked(), failure: cause => new Faulted(connection, cause));
    }

    private void StopIsLate()
    {
        if (_part?.Stop is not { } order || _gaveUp is not null || _ending)
            return;
        var why = $"its guest did not power down within {order.Grace.TotalSeconds:0.#} s";
        if (order.Kill)
        {
            EndNow($"{why}: its process is being ended");
            return;
        }

        _stopping = false;
        Timers.Cancel(AskTimer);
        _part = _part with { Stop = null };
        _host.Tell(new VmProtocol.StopGivenUp(_id, why));
        Report();
    }

    /// <summary>A guest that was asked already may power down all the same: then it has ended by itself.</summary>
    private void GoOn()
    {
        _part = _part is null ? null : _part with { Stop = null };
        if (_gaveUp is not null)
            return;
        Timers.Cancel(StopTimer);
        Timers.Cancel(AskTimer);
        Timers.Cancel(EndTimer);
        EndNoMore();
        (_stopping, _notEnded) = (false, null);
        Report();
    }

    /// <summary>
    /// An order stands while the VM can't be reached. Its guest can't be asked then; its process can be ended all the same, where it is
    /// known which it is.
    /// </summary>
    private void StopOneThatIsLost()
    {
        if (_part?.Stop is not { } order || _part.Handle is null || _vm is not null || _ending)
            return;
        _stopping = true;
        if (_endWhy is not null)
        {
            Report();
            return;
        }

        if (order.AtOnce)
        {
            EndNow("it can't be reached; its process is being ended");
            return;
        }

        _stopWhy = $"it can't be reached, so that its guest can't be asked to power down: {_memory.Why}";
        if (!Timers.IsTimerActive(StopTimer))
            Timers.StartSingleTimer(StopTimer, new StopDeadline(), order.Grace);
        Report();
    }

    /// <summary>
    /// A guest that is not heard of for long after its start is spoken of, once in each life of this actor. Only in its first boot, and only where
    /// its spec asks for that, is a VM ended for it.
    /// </summary>
    private void WatchBoot()
    {
        if (_vm is null || _part is not { Booted: false, Spec: { } spec } part || HasSpoken || _gaveUp is not null)
            return;
        var deadline = _memory.Profile.BootDeadline;
        var verdict = BootWatch.Verdict(spec.BootCheck, part.EverBooted, _memory.Listened.Read(Now), deadline);
        if (verdict == BootVerdict.Wait || (verdict == BootVerdict.Say && _silent is not null))
            return;
        var boot = part.Handle!.Base;
        var words = BootWatch.Words(
            verdict, part.EverBooted, deadline, part.Handle.AgentSocket is not null, _memory.Capabilities is { Balloon: true },
            part.Asked is { } asked && boot < asked ? (boot, asked) : null);
        if (verdict == BootVerdict.Say)
        {
            _silent = words;
            Happened("bootSilent", words);
            return;
        }

        _gaveUp = words;
        EndNow(words);
    }

    /// <summary>It goes on all the same: a call that failed meanwhile counts as what it was, and all is asked anew.</summary>
    private void EndNoMore()
    {
        _endWhy = null;
        if (_unheeded is { } cause)
            throw Fault(cause);
    }

    private DriverFaultException Fault(Exception cause) => new($"{_id}: {cause.Message}", cause);

    private void EndNow(string why)
    {
        Timers.Cancel(StopTimer);
        Timers.Cancel(AskTimer);
        (_stopping, _endWhy, _stopWhy) = (true, why, why);
        Report();
        TryToEnd();
    }

    /// <summary>
    /// By its connection, or, where there is none, by its process. One try at a time; what fails is said and tried again.
    /// </summary>
    private void TryToEnd()
    {
        if (_ending || _part?.Handle is not { } handle || _endWhy is null)
            return;
        _ending = true;
        var (vm, hypervisor) = (_vm, _hypervisor);
        Run(_settings.EndDeadline, async cancellation =>
        {
            await (vm is not null ? vm.EndAsync(cancellation) : hypervisor.EndProcessAsync(handle, cancellation));
            return true;
        }).PipeTo(Self, success: _ => new ProcessEnded(), failure: cause => new NotEnded(Say(cause)));
    }

    private void NotEnded_(NotEnded not)
    {
        _ending = false;
        // Its operator wants something else meanwhile.
        if (_gaveUp is null && _part?.Stop is not { Kill: true })
        {
            EndNoMore();
            if (_part?.Stop is { } order)
                Stop(order);
            return;
        }

        _stopWhy = $"{_endWhy}, which did not come about: {not.Why}; its claim stands, and it is tried again";
        if (not.Why != _notEnded)
            Happened("notEnded", _stopWhy);
        _notEnded = not.Why;
        Report();
        Timers.StartSingleTimer(EndTimer, new EndAgain(), BackOff(ref _endings));
    }

    private sealed record StopDeadline;

    private sealed record AskOnceMore;

    private sealed record Asked;

    private sealed record ProcessEnded;

    private sealed record NotEnded(string Why);

    private sealed record EndAgain;
}
