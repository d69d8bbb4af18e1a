using Akka.Actor;
using Dmm.Core.Lifecycle;

namespace Dmm.Actors.Vms;

/// <summary>How a VM's life ends at DMM's hand: stopped by its operator, or given up because it never booted. The claim ends when its process is gone, not before.</summary>
public sealed partial class VmActor
{
    private const string StopTimer = "stop";
    private const string AskTimer = "ask";

    /// <summary>A guest that is still booting, or shows a blank screen, does not hear its power button; one that powers down takes no notice of another press.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);

    private string? _stopWhy;
    private string? _gaveUp;

    private bool HasSpoken => _hello is not null || _sample is not null;

    /// <summary>
    /// The guest is asked, and has its grace from then; after a fault, or a death of the daemon, it is asked again and has it again. A later order takes the place of
    /// an earlier one.
    /// </summary>
    private void Stop(StopOrder order)
    {
        _part = _part is null ? null : _part with { Stop = order };
        if (_vm is null || _gaveUp is not null)
            return;
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
        if (_vm is null || _part?.Stop is not { } order || !_stopping || _gaveUp is not null)
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
        _stopping = false;
        Report();
    }

    /// <summary>A VM that was launched and never says a word does not keep its memory for ever.</summary>
    private void WatchBoot()
    {
        if (_vm is null || _part is not { Booted: false, Spec: { } spec } || HasSpoken || _gaveUp is not null)
            return;
        if (BootWatch.Verdict(spec.BootCheck, Now - _memory.StartedAt, _memory.Profile.BootDeadline) is not { } verdict)
            return;
        _gaveUp = verdict;
        _stopping = true;
        EndNow(verdict);
    }

    private void EndNow(string why)
    {
        Timers.Cancel(StopTimer);
        Timers.Cancel(AskTimer);
        _stopWhy = why;
        Report();
        if (_vm is not { } vm)
            return;
        var connection = _connection;
        Run(_settings.CallDeadline, async cancellation =>
        {
            await vm.EndAsync(cancellation);
            return true;
        }).PipeTo(
            Self,
            success: _ => new Observed(connection, new Core.Hypervisors.VmObservation.Ended("its process was ended", EndCause.Failed)),
            failure: cause => new Faulted(connection, cause));
    }

    private sealed record StopDeadline;

    private sealed record AskOnceMore;

    private sealed record Asked;
}
