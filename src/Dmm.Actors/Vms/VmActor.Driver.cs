using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>The side of a VM's actor that faces the driver: calls go out one at a time, answers come back as messages.</summary>
public sealed partial class VmActor
{
    /// <summary>The newest wish for each device, in the order asked; an older one for the same device is replaced.</summary>
    private ImmutableList<(string Device, Func<IVirtualMachine, CancellationToken, Task> Run)> _calls =
        ImmutableList<(string, Func<IVirtualMachine, CancellationToken, Task>)>.Empty;

    private bool _calling;
    private ConnectionAttempt? _attempt;

    /// <summary>
    /// A daemon, or an incarnation of this actor, may have died between launching and saying so: then look first. That it can't be told whether the
    /// VM runs is not that it does not: the reservation stands, and it is looked for again. So it does while the process of a launch that failed can't be ended.
    /// </summary>
    private void Launch(VmSpec spec, bool mayRun)
    {
        if (mayRun)
        {
            Run(_settings.LaunchDeadline, cancellation => _hypervisor.FindAsync(spec, cancellation))
                .PipeTo(Self, success: handle => handle is null ? new LaunchNow(spec) : new Launched(handle), failure: cause => new Faulted(_connection, cause));
            return;
        }

        Run(_settings.LaunchDeadline, cancellation => _hypervisor.LaunchAsync(spec, cancellation))
            .PipeTo(Self, success: handle => new Launched(handle), failure: object (cause) => cause is VmLingersException
                ? new Faulted(_connection, cause)
                : new LaunchFailed(Say(cause)));
    }

    private void Connect()
    {
        LetGo();
        var (connection, attempt, self, hypervisor, handle) = (_connection, new ConnectionAttempt(), Self, _hypervisor, _part!.Handle!);
        _attempt = attempt;
        Run(_settings.CallDeadline, async cancellation =>
        {
            var vm = await hypervisor.ConnectAsync(handle, fact => self.Tell(new Observed(connection, fact)), cancellation);
            if (attempt.Keep(vm))
                return vm;
            await vm.DisposeAsync();
            throw new OperationCanceledException("the connection was given up before it was made");
        }).PipeTo(Self, success: vm => new Connected(connection, vm), failure: cause => new ConnectFailed(connection, cause));
    }

    /// <summary>
    /// A hypervisor may refuse an addition for good reasons (no slot left); that is no fault of its driver. What it did all the same shows in the sizes: they are
    /// known before the refusal is.
    /// </summary>
    private void Add(Addition addition, Func<IVirtualMachine, CancellationToken, Task> add) => Call(addition.ToString(), async (vm, cancellation) =>
    {
        try
        {
            await add(vm, cancellation);
        }
        catch (HypervisorException refused) when (refused is not VmGoneException)
        {
            await vm.ReadSizesAsync(cancellation);
            throw new AdditionRefusedException(addition, refused);
        }
    });

    private void Call(string device, Func<IVirtualMachine, CancellationToken, Task> run)
    {
        _calls = _calls.RemoveAll(call => call.Device == device).Add((device, run));
        CallNext();
    }

    /// <summary>All that was decided has been asked of the hypervisor only when this is over: only then may the host count on it, and more be asked.</summary>
    private bool Busy => _calling || !_calls.IsEmpty;

    /// <param name="what">What is known from it.</param>
    private void CallEnded(VmCommand what)
    {
        _calling = false;
        Feed(what);
        if (Busy)
            CallNext();
        else
            Report();
    }

    private void CallNext()
    {
        if (_vm is not { } vm || _calling || _calls.IsEmpty)
            return;
        var run = _calls[0].Run;
        _calls = _calls.RemoveAt(0);
        _calling = true;
        var connection = _connection;
        Run(_settings.CallDeadline, async cancellation =>
        {
            await run(vm, cancellation);
            // What the devices were told bounds them from now on, but they may have moved until now: only sizes read afterwards bound the VM.
            // They come as an observation, ahead of this call's end and behind all that was read before.
            await vm.ReadSizesAsync(cancellation);
            return true;
        }).PipeTo(Self, success: _ => new CallDone(connection), failure: cause => cause is AdditionRefusedException refused
            ? new AdditionRefused(connection, refused.Addition, refused.Message)
            : new Faulted(connection, cause));
    }

    private void Measure()
    {
        if (_vm is { } vm)
        {
            Run(_settings.CallDeadline, vm.MeasureAsync)
                .PipeTo(Self, success: cost => new CostMeasured(cost), failure: _ => new CostMeasured(null));
        }
    }

    private void LetGo()
    {
        _connection++;
        _calls = _calls.Clear();
        _calling = false;
        _unheeded = null;
        _stopping &= _ending;
        if (_attempt?.GiveUp() is { } vm)
            Forget(vm.DisposeAsync());
        (_attempt, _vm) = (null, null);
    }

    private async Task<T> Run<T>(TimeSpan deadline, Func<CancellationToken, Task<T>> work)
    {
        using var timeout = new CancellationTokenSource(deadline, _settings.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _life.Token);
        return await work(either.Token);
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

    private sealed record LaunchNow(VmSpec Spec);

    private sealed record Launched(VmHandle Handle);

    private sealed record LaunchFailed(string Why);

    private sealed record Connected(int Connection, IVirtualMachine Vm);

    private sealed record ConnectFailed(int Connection, Exception Cause);

    private sealed record Observed(int Connection, VmObservation Fact);

    private sealed record CallDone(int Connection);

    private sealed record AdditionRefused(int Connection, Addition Addition, string Why);

    private sealed record Faulted(int Connection, Exception Cause);

    private sealed record CostMeasured(HostCost? Cost);

    private sealed record Reconnect;

    private sealed record Look;

    private sealed record ReportNow;

    private sealed record MeasureCost;
}
