using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>The side of a VM's actor that faces the driver: calls go out one at a time, answers come back as messages.</summary>
public sealed partial class VmActor
{
    /// <summary>The newest wish for each device, in the order asked; an older one for the same device is replaced.</summary>
    private ImmutableList<(string Device, Func<IVirtualMachine, CancellationToken, Task> Run)> _calls =
        ImmutableList<(string, Func<IVirtualMachine, CancellationToken, Task>)>.Empty;

    private bool _calling;

    /// <summary>A daemon, or an incarnation of this actor, may have died between launching and saying so: look first.</summary>
    private void Launch(VmSpec spec)
    {
        var hypervisor = _hypervisor;
        Run(_settings.LaunchDeadline, async cancellation =>
            await hypervisor.FindAsync(spec, cancellation) ?? await hypervisor.LaunchAsync(spec, cancellation))
            .PipeTo(Self, success: handle => new Launched(handle), failure: cause => new LaunchFailed(Say(cause)));
    }

    private void Connect()
    {
        var (connection, self, hypervisor, handle) = (++_connection, Self, _hypervisor, _part!.Handle!);
        Run(_settings.CallDeadline, cancellation =>
            hypervisor.ConnectAsync(handle, fact => self.Tell(new Observed(connection, fact)), cancellation))
            .PipeTo(Self, success: vm => new Connected(connection, vm), failure: cause => new ConnectFailed(connection, cause));
    }

    private void Call(string device, Func<IVirtualMachine, CancellationToken, Task> run)
    {
        _calls = _calls.RemoveAll(call => call.Device == device).Add((device, run));
        if (!_calling)
            CallNext();
    }

    private void CallNext()
    {
        var wasCalling = _calling;
        _calling = false;
        if (_vm is not { } vm)
            return;
        if (_calls.IsEmpty)
        {
            // All that was decided has been asked of the hypervisor: only now may the host count on it.
            if (wasCalling)
                Report();
            return;
        }

        var run = _calls[0].Run;
        _calls = _calls.RemoveAt(0);
        _calling = true;
        var connection = _connection;
        Run(_settings.CallDeadline, async cancellation =>
        {
            await run(vm, cancellation);
            // What the devices were told bounds them from now on, but they may have moved until now: only sizes read afterwards bound the VM.
            return await vm.ReadSizesAsync(cancellation);
        }).PipeTo(Self, success: sizes => new CallDone(connection, sizes), failure: cause => new Faulted(connection, cause));
    }

    private void Stop(TimeSpan grace)
    {
        _part = _part is null ? null : _part with { StopGrace = grace };
        if (_vm is not { } vm || _stopping)
            return;
        _stopping = true;
        Report();
        var connection = _connection;
        Run(grace + _settings.CallDeadline, async cancellation =>
        {
            await vm.StopAsync(grace, cancellation);
            return true;
        }).PipeTo(
            Self,
            success: _ => new Observed(connection, new VmObservation.Ended("stopped by its operator")),
            failure: cause => new Faulted(connection, cause));
    }

    private void Measure()
    {
        if (_vm is { } vm)
        {
            Run(_settings.CallDeadline, vm.MeasureOverheadAsync)
                .PipeTo(Self, success: overhead => new OverheadMeasured(overhead), failure: _ => new OverheadMeasured(null));
        }
    }

    private void LetGo()
    {
        _connection++;
        _calls = _calls.Clear();
        (_calling, _stopping) = (false, false);
        if (_vm is { } vm)
            Forget(vm.DisposeAsync());
        _vm = null;
    }

    private async Task<T> Run<T>(TimeSpan deadline, Func<CancellationToken, Task<T>> work)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_life.Token);
        timeout.CancelAfter(deadline);
        return await work(timeout.Token);
    }

    /// <summary>Letting go of a connection can't fail in a way that anybody could act upon; that it failed is logged.</summary>
    private void Forget(ValueTask disposal)
    {
        var log = _log;
        disposal.AsTask().ContinueWith(
            done => log.Warning(done.Exception, "a connection did not close cleanly"),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private static string Say(Exception cause) => cause is OperationCanceledException ? "it took too long" : cause.GetBaseException().Message;

    private sealed record Launched(VmHandle Handle);

    private sealed record LaunchFailed(string Why);

    private sealed record Connected(int Connection, IVirtualMachine Vm);

    private sealed record ConnectFailed(int Connection, Exception Cause);

    private sealed record Observed(int Connection, VmObservation Fact);

    private sealed record CallDone(int Connection, VmSizes Sizes);

    private sealed record Faulted(int Connection, Exception Cause);

    private sealed record OverheadMeasured(MemorySize? Overhead);

    private sealed record Reconnect;

    private sealed record Look;

    private sealed record ReportNow;

    private sealed record MeasureOverhead;
}
