using Akka.Actor;
using Akka.Event;
using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Machines;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Actors.Vms;

/// <summary>
/// Owns one VM: its connection to the hypervisor and its state. It decides nothing: <see cref="VmMachine"/> decides, and this actor
/// carries that out. A hypervisor's refusal or missing answer is a fact for the machine. Any other exception of a driver is a fault,
/// which ends this incarnation only: its supervisor starts it anew with back-off, and the VM runs on.
/// </summary>
public sealed class VmActor : ReceiveActor, IWithTimers
{
    private readonly IActorRef _host;
    private readonly IActorRef _predictor;
    private readonly IHypervisor _hypervisor;
    private readonly VmActorSettings _settings;
    private readonly VmMachine _machine;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _life = new();

    private Vm _vm;
    private IVirtualMachine? _connected;
    private ConnectionAttempt? _attempt;

    /// <summary>The last change of the VM's bounds: null where it succeeded, or why it did not. Calls wait for it.</summary>
    private Task<string?> _held = Task.FromResult<string?>(null);

    /// <summary>The number of the present connection; messages of earlier connections are ignored.</summary>
    private int _connection;

    public VmActor(VmId id, IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings)
    {
        (_host, _predictor, _hypervisor, _settings, _machine) = (host, predictor, hypervisor, settings, new(settings));
        _vm = _machine.New(id);
        Receive<IVmMessage>(Decide);
        Receive<Made>(made => made.Connection == _connection, made =>
        {
            _connected = made.Vm;
            Decide(new VmFact.Connected(made.Vm.Capabilities, made.Vm.Identity));
        });
        Receive<Of>(of => of.Fact is not null && of.Connection == _connection, of => Decide(of.Fact!));
        Receive<Faulted>(
            fault => fault.Connection == _connection,
            fault => throw new DriverFaultException($"{_vm.Id}: {fault.Cause.Message}", fault.Cause));
        ReceiveAny(_ => { });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(VmId id, IActorRef host, IActorRef predictor, IHypervisor hypervisor, VmActorSettings settings) =>
        Akka.Actor.Props.Create(() => new VmActor(id, host, predictor, hypervisor, settings));

    protected override void PreStart() => _host.Tell(new VmProtocol.Started(_vm.Id));

    protected override void PostStop()
    {
        _life.Cancel();
        _life.Dispose();
        LetGo();
    }

    private void Decide(IVmMessage message)
    {
        var decision = _machine.Decide(_vm, message, Clocks.Read(_settings.Time));
        _vm = decision.Vm;
        foreach (var effect in decision.Effects)
            Perform(effect);
    }

    private void Perform(VmEffect effect)
    {
        switch (effect)
        {
            case VmEffect.TellHost tell:
                _host.Tell(tell.Message);
                break;
            case VmEffect.TellPredictor tell:
                _predictor.Tell(tell.Sample);
                break;
            case VmEffect.TellPredictorOfReset:
                _predictor.Tell(new PredictorProtocol.Reset(_vm.Id));
                break;
            case VmEffect.Find find:
                Ask(
                    _settings.LaunchDeadline,
                    c => _hypervisor.FindAsync(find.Spec, c),
                    found => found is null ? new VmFact.NotRunning() : new VmFact.Launched(found),
                    static cause => new VmFact.LaunchUnknown(Say(cause)));
                break;
            case VmEffect.Launch launch:
                Ask(
                    _settings.LaunchDeadline,
                    c => _hypervisor.LaunchAsync(launch.Spec, c),
                    static handle => new VmFact.Launched(handle),
                    static cause => cause is VmLingersException ? new VmFact.LaunchUnknown(Say(cause))
                    : new VmFact.LaunchFailed(Say(cause)));
                break;
            case VmEffect.Connect connect:
                Connect(connect.Handle);
                break;
            case VmEffect.LetGo:
                LetGo();
                break;
            case VmEffect.Carry carry:
                Carry(carry.Call);
                break;
            case VmEffect.AskToPowerDown when _connected is { } vm:
                Ask(
                    _settings.CallDeadline,
                    c => Done(vm.PowerDownAsync(c)),
                    static _ => null,
                    static cause => cause is VmGoneException ? null : new VmFact.NotAskedToPowerDown(Say(cause)),
                    ofConnection: true);
                break;
            case VmEffect.EndProcess end:
                var connected = _connected;
                Ask(
                    _settings.EndDeadline,
                    c => Done(connected is not null ? connected.EndAsync(c) : _hypervisor.EndProcessAsync(end.Handle, c)),
                    _ => new VmFact.ProcessEnded(),
                    cause => new VmFact.NotEnded(Say(cause)));
                break;
            case VmEffect.Hold hold when _connected is { } vm:
                Hold(vm, hold.Bounds);
                break;
            case VmEffect.Measure when _connected is { } vm:
                Ask(_settings.CallDeadline, vm.MeasureAsync, cost => new VmFact.Measured(cost), _ => new VmFact.Measured(null));
                break;
            case VmEffect.AskToPowerDown or VmEffect.Measure or VmEffect.Hold:
                break;
            case VmEffect.WakeIn wake:
                Timers.StartSingleTimer(wake.Timer, new VmFact.Rang(wake.Timer), wake.Wait);
                break;
            case VmEffect.Silence silence:
                Timers.Cancel(silence.Timer);
                break;
            case VmEffect.Notify notify:
                Context.System.EventStream.Publish(notify.What);
                break;
            case VmEffect.Warn warn:
                _log.Warning("{0}", warn.Text);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not an effect of a VM's machine");
        }
    }

    private void Connect(VmHandle handle)
    {
        LetGo();
        var (connection, attempt, self, hypervisor) = (_connection, new ConnectionAttempt(), Self, _hypervisor);
        _attempt = attempt;
        Run(_settings.CallDeadline, async cancellation =>
        {
            var vm = await hypervisor.ConnectAsync(handle, fact => self.Tell(new Of(connection, new VmFact.Observed(fact))), cancellation);
            if (attempt.Keep(vm))
                return vm;
            await vm.DisposeAsync();
            throw new OperationCanceledException("the connection was given up before it was made");
        }).PipeTo(
            Self,
            success: vm => new Made(connection, vm),
            failure: cause => new Of(
                connection,
                new VmFact.NotConnected(cause is VmGoneException ? cause.Message : Say(cause), (cause as VmGoneException)?.Cause)));
    }

    /// <summary>Changes the VM's bounds after all earlier changes of them.</summary>
    private void Hold(IVirtualMachine vm, VmBounds bounds)
    {
        var (before, connection) = (_held, _connection);
        _held = Run<string?>(_settings.CallDeadline, async cancellation =>
        {
            try
            {
                await before.WaitAsync(cancellation);
                await vm.BoundAsync(bounds, cancellation).WaitAsync(cancellation);
                return null;
            }
            catch (Exception cause) when (cause is HypervisorException or OperationCanceledException)
            {
                return Say(cause);
            }
        });
        _held.PipeTo(
            Self,
            success: why => new Of(connection, why is null ? new VmFact.Held() : new VmFact.NotHeld(why)),
            failure: cause => new Faulted(connection, cause));
    }

    private void Carry(VmCall call)
    {
        if (_connected is not { } vm)
            return;
        var (connection, held) = (_connection, _held);
        Run(_settings.CallDeadline, async cancellation =>
        {
            // A VM that may become more is held to more beforehand. If that fails it is told all the same: its guest is then slowed down.
            await ((Task)held).WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string? refused = null;
            try
            {
                await CarryAsync(vm, call, cancellation).WaitAsync(cancellation);
            }
            catch (HypervisorException cause) when (cause is not VmGoneException)
            {
                refused = cause.Message;
            }

            // What the devices were told limits them from now on, but they may have moved until now: only sizes read afterwards limit the
            // VM. They come as an observation, before the result of this call and after everything that was read before.
            await vm.ReadSizesAsync(cancellation).WaitAsync(cancellation);
            return refused;
        }).PipeTo(
            Self,
            success: refused => new Of(connection, refused is null ? new VmFact.CallDone() : new VmFact.CallRefused(refused)),
            failure: cause => cause switch
            {
                // The connection reports the end as its last observation.
                VmGoneException => new Of(connection, null),
                HypervisorException or OperationCanceledException => new Of(connection, new VmFact.CallLost(Say(cause))),
                _ => new Faulted(connection, cause),
            });
    }

    private static Task CarryAsync(IVirtualMachine vm, VmCall call, CancellationToken cancellation) => call.Kind switch
    {
        VmCallKind.Balloon => vm.SetBalloonedAsync(call.Size, cancellation),
        VmCallKind.Plug => vm.SetPluggedAsync(call.Size, cancellation),
        VmCallKind.Rescue => vm.RescueAsync(cancellation),
        VmCallKind.Extend => vm.ExtendAsync(call.Size, cancellation),
        _ => throw new ArgumentOutOfRangeException(nameof(call), call, "not a call to a driver"),
    };

    private void LetGo()
    {
        _connection++;
        if (_attempt?.GiveUp() is { } vm)
            Forget(vm.DisposeAsync());
        (_attempt, _connected, _held) = (null, null, Task.FromResult<string?>(null));
    }

    /// <param name="ofConnection">The answer is used only while this connection stands.</param>
    private void Ask<T>(
        TimeSpan deadline, Func<CancellationToken, Task<T>> work, Func<T, IVmMessage?> success, Func<Exception, IVmMessage?> failure,
        bool ofConnection = false)
    {
        var connection = _connection;
        object Tell(IVmMessage? fact) => ofConnection || fact is null ? new Of(connection, fact) : fact;
        Run(deadline, work).PipeTo(Self, success: done => Tell(success(done)), failure: cause => Tell(failure(cause)));
    }

    private static async Task<bool> Done(Task work)
    {
        await work;
        return true;
    }

    private async Task<T> Run<T>(TimeSpan deadline, Func<CancellationToken, Task<T>> work)
    {
        using var timeout = new CancellationTokenSource(deadline, _settings.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _life.Token);
        return await work(either.Token);
    }

    /// <summary>Closes a connection without waiting. If closing fails, nobody can act upon it; the failure is logged.</summary>
    private void Forget(ValueTask disposal)
    {
        var log = _log;
        disposal.AsTask().ContinueWith(
            done => log.Warning(done.Exception, "a connection did not close cleanly"),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private static string Say(Exception cause) =>
        cause is OperationCanceledException ? "it took too long" : cause.GetBaseException().Message;

    private sealed record Made(int Connection, IVirtualMachine Vm);

    /// <summary>A fact from a connection; null: there is nothing to report.</summary>
    private sealed record Of(int Connection, IVmMessage? Fact);

    private sealed record Faulted(int Connection, Exception Cause);
}
