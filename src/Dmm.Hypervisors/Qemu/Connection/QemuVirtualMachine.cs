using System.Text.Json;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// A connected QEMU: its control connection, its guest's agent, and the loops that turn both into observations (sizes, run state, events,
/// balloon statistics). The loops end with the connection or when it is closed by DMM; only <see cref="EndAsync"/> ends QEMU itself.
/// </summary>
internal sealed class QemuVirtualMachine : IVirtualMachine
{
    /// <summary>
    /// An agent may be up before its guest's drivers are: a missing driver is believed only if it is still missing after this time.
    /// </summary>
    private static readonly TimeSpan DriverPatience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan PutBackDeadline = TimeSpan.FromSeconds(2);

    private readonly VmHandle _handle;
    private readonly QmpClient _qmp;
    private readonly ProcessHold? _process;
    private readonly HostSide _host;
    private readonly string? _doubt;
    private readonly QemuSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly ObservationSink _sink;
    private readonly QemuMemory _memory;
    private readonly SizeWatch _sizes;
    private readonly RunStateWatch _runState;
    private readonly QemuEnd _end;
    private readonly QemuCost? _cost;
    private readonly BalloonStatistics? _statistics;
    private readonly GuestChannel? _agent;
    private readonly MemorySize _limit;
    private readonly CancellationTokenSource _stop = new();
    private readonly Nudge _met;
    private readonly Lock _abilities = new();
    private volatile VmCapabilities _capabilities;
    private volatile GuestHello? _hello;
    private Task _loops = Task.CompletedTask;
    private volatile string? _brokenWhy;
    private readonly string? _keeps;
    private readonly bool _huge;
    private readonly string? _accelerator;

    private QemuVirtualMachine(
        VmHandle handle, QmpClient qmp, ProcessHold? process, VmGroups groups, string? doubt, QemuMemory memory, VmSizes sizes,
        string? accelerator, QemuSettings settings, TimeProvider time, ObservationSink sink, Action<string> log)
    {
        var (group, why) = process is null ? (null, "its process is not known") : groups.Of(handle);
        _host = new HostSide(handle.Id, process?.Process.Pid, group, why, time);
        _accelerator = accelerator;
        (_handle, _qmp, _process, _doubt, _memory, _settings, _time, _sink, _log) = (handle, qmp, process, doubt, memory, settings, time,
            sink, log);
        var held = _host.Memory();
        _huge = held?.Huge.IsZero == false;
        _keeps = KeptMemory.Why(held, memory.Devices.PassedThrough, memory.Devices.BootMemory);
        _capabilities = CapabilitiesNow;
        _met = new Nudge(time);
        _limit = MemorySize.Max(sizes.Base + Capabilities.PluggableMax, memory.Devices.BootMemory + memory.Devices.Room.All);
        _sizes = new SizeWatch(memory, settings, time, TellSizes);
        _cost = process is null ? null : new QemuCost(qmp, memory.Devices.BootMemory, process.Process.Pid, group, time);
        _runState = new RunStateWatch(qmp, time, (state, why) => _sink.Tell(new VmObservation.RunState(state, why)));
        _end = new QemuEnd(handle, qmp, process, doubt, _runState, settings, time, groups.Sweep, log);
        _statistics = Capabilities.Balloon ? new BalloonStatistics(qmp, memory.Devices.BalloonPath!, time) : null;
        if ((memory.Devices.AgentSocket ?? handle.AgentSocket) is { } socket)
            _agent = new GuestChannel(socket, _limit, settings.AgentSilence, time, TellOfGuest, log, settings.LowMemory);
    }

    public VmCapabilities Capabilities => _capabilities;

    public VmHandle Identity => _handle;

    public string? Doubt => _doubt;

    public IReadOnlyList<string> Remarks => [MonitorSocket.Remark(_handle.Control)];

    private VmCapabilities CapabilitiesNow =>
        _host.Of(KeptMemory.Of(_memory.Capabilities, _keeps, _huge)) with { Accelerator = _accelerator } is var can && _doubt is { } doubt
            ? can with { Lacks = [doubt, .. can.Lacks] } : can;

    /// <summary>Takes ownership of <paramref name="qmp"/> and <paramref name="process"/>, even when it fails.</summary>
    /// <param name="process">
    /// The process that runs the VM; null where that is not known, and then <paramref name="doubt"/> gives the reason.
    /// </param>
    public static async Task<QemuVirtualMachine> TakeUpAsync(
        VmHandle handle, QmpClient qmp, ProcessHold? process, VmGroups groups, string? doubt, QemuSettings settings, TimeProvider time,
        Action<VmObservation> observe, Action<string> log, CancellationToken cancellation)
    {
        try
        {
            var memory = new QemuMemory(qmp, await QemuDevices.DiscoverAsync(qmp, handle.Owned, cancellation).ConfigureAwait(false));
            memory.FindLeftOver();
            var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
            var vm = new QemuVirtualMachine(
                handle, qmp, process, groups, doubt, memory, sizes, await AcceleratorAsync(qmp, cancellation).ConfigureAwait(false),
                settings, time, new ObservationSink(observe, log), log);
            await vm.StartAsync(sizes, cancellation).ConfigureAwait(false);
            return vm;
        }
        catch
        {
            process?.Dispose();
            await qmp.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <returns><c>kvm</c> or <c>tcg</c>; null where QEMU does not say.</returns>
    private static async Task<string?> AcceleratorAsync(QmpClient qmp, CancellationToken cancellation)
    {
        try
        {
            var answer = await qmp.ExecuteAsync("query-kvm", null, cancellation).ConfigureAwait(false);
            return QmpJson.MemberOf(answer, "enabled").ValueKind switch
            {
                JsonValueKind.True => "kvm",
                JsonValueKind.False => "tcg",
                _ => null,
            };
        }
        catch (QmpRefusedException)
        {
            return null;
        }
    }

    public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => _end.OfLiveVmAsync(() => _sizes.ReadAsync(cancellation));

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) =>
        SetAsync(() => _memory.SetBalloonedAsync(ballooned, cancellation));

    /// <summary>Sets the plugged memory. This may show that somebody else has added or removed a device.</summary>
    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) =>
        ChangeAsync(() => _memory.SetPluggedAsync(plugged, cancellation));

    public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation) =>
        ChangeAsync(() => _memory.ExtendAsync(pluggableMax, cancellation));

    public Task RescueAsync(CancellationToken cancellation) => ChangeAsync(() => _memory.RescueAsync(cancellation));

    public async Task<HostCost?> MeasureAsync(CancellationToken cancellation) =>
        _cost is null ? null : await _end.OfLiveVmAsync(() => _cost.MeasureAsync(cancellation)).ConfigureAwait(false);

    public Task BoundAsync(VmBounds bounds, CancellationToken cancellation) => _host.BoundAsync(bounds, cancellation);

    public Task PowerDownAsync(CancellationToken cancellation) =>
        _end.OfLiveVmAsync(() => _qmp.ExecuteAsync("system_powerdown", null, cancellation));

    public Task EndAsync(CancellationToken cancellation) => _end.EndAsync(_loops, cancellation);

    public async ValueTask DisposeAsync()
    {
        _sink.Close();
        await _stop.CancelAsync().ConfigureAwait(false);
        await PutBackAsync().ConfigureAwait(false);
        await _qmp.DisposeAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
        _sizes.Dispose();
        if (_agent is not null)
            await _agent.DisposeAsync().ConfigureAwait(false);
        _memory.Dispose();
        _process?.Dispose();
        _host.Dispose();
    }

    /// <summary>
    /// Puts back the one setting that DMM changed beside the sizes, which stay as they are. If QEMU does not answer within a short time,
    /// the setting stays: it costs the guest a report now and then.
    /// </summary>
    private async Task PutBackAsync()
    {
        if (_statistics is null || (_handle.Owned ? 0 : _handle.StatisticsSeconds) is not { } seconds)
            return;
        using var late = new CancellationTokenSource(PutBackDeadline);
        try
        {
            await _statistics.SetPeriodAsync(seconds, late.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HypervisorException or OperationCanceledException)
        {
            // A VM that has ended, or a connection that broke, has nothing to put back.
            if (e is not QmpClosedException)
                _log($"VM '{_handle.Id}': the period of its balloon statistics could not be put back: {e.Message}");
        }
    }

    private async Task StartAsync(VmSizes sizes, CancellationToken cancellation)
    {
        if (_statistics is not null)
            await _statistics.EnableAsync(_settings.StatsPeriod, cancellation).ConfigureAwait(false);
        // What the process holds is read after the sizes: QEMU frees pages before it shows that.
        _sink.Tell(new VmObservation.Sizes(sizes) { Resident = _host.Resident() });
        var tellsState = await _runState.ReadAsync(cancellation).ConfigureAwait(false);
        _agent?.Start();
        _loops = Task.WhenAll(
            Task.Run(FollowToTheEndAsync, CancellationToken.None),
            Task.Run(() => LoopAsync("sizes", () => _sizes.RunAsync(sizes, _stop.Token)), CancellationToken.None),
            Task.Run(() => LoopAsync("run state", () => tellsState ? _runState.RunAsync(_stop.Token) : Task.CompletedTask),
                CancellationToken.None),
            Task.Run(() => LoopAsync("process", () => _end.WatchProcessAsync(_stop.Token)), CancellationToken.None),
            Task.Run(() => LoopAsync("guest", FollowGuestAsync), CancellationToken.None),
            Task.Run(() => LoopAsync("balloon statistics", FollowStatisticsAsync), CancellationToken.None));
    }

    private void TellSizes(VmSizes sizes, SizeChange change)
    {
        _sink.Tell(new VmObservation.Sizes(sizes) { Resident = _host.Resident(), AfterReset = change == SizeChange.Reset });

        // The guest's available memory is wanted now, rather than at its agent's next turn.
        if (change == SizeChange.Moved)
            _agent?.AskSample();
    }

    private void TellOfGuest(VmObservation observation)
    {
        _sink.Tell(observation);
        if (observation is VmObservation.Hello hello)
        {
            _hello = hello.Value;
            _met.Set();
        }
    }

    /// <summary>Follows the agent's hellos: the features of the guest's kernel decide how memory is plugged.</summary>
    private async Task FollowGuestAsync()
    {
        while (_agent is not null)
        {
            await _met.WaitAsync(Timeout.InfiniteTimeSpan, _stop.Token).ConfigureAwait(false);
            if (_hello is { VirtioMem: false } && !_memory.GuestLacksVirtioMem)
            {
                await Task.Delay(DriverPatience, _time, _stop.Token).ConfigureAwait(false);
                _agent.AskHello();
                await _met.WaitAsync(DriverPatience, _stop.Token).ConfigureAwait(false);
            }

            if (_hello is { } hello && await _memory.MeetGuestAsync(hello, _stop.Token).ConfigureAwait(false))
            {
                TellAbilities();
                _sizes.Look();
            }
        }
    }

    private async Task SetAsync(Func<Task> set)
    {
        await _end.OfLiveVmAsync(async () =>
        {
            await set().ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        _sizes.Look();
    }

    /// <summary>Makes a change and reports the VM's capabilities afterwards, even where the change failed half-way.</summary>
    private async Task ChangeAsync(Func<Task> change)
    {
        try
        {
            await SetAsync(change).ConfigureAwait(false);
        }
        finally
        {
            TellAbilities();
        }
    }

    private void TellAbilities()
    {
        lock (_abilities)
        {
            var now = CapabilitiesNow;
            if (now == _capabilities with { Lacks = now.Lacks } && now.Lacks.SequenceEqual(_capabilities.Lacks))
                return;
            _capabilities = now;
            _sink.Tell(new VmObservation.Able(now));
        }
    }

    /// <summary>Follows the events, then finds out whether the VM has ended with them, for whatever reason they ended.</summary>
    private async Task FollowToTheEndAsync()
    {
        await LoopAsync("events", FollowEventsAsync).ConfigureAwait(false);
        if (!_stop.IsCancellationRequested)
            await LoopAsync("end", ConcludeAsync).ConfigureAwait(false);
    }

    private async Task FollowEventsAsync()
    {
        var dropped = 0L;
        await foreach (var e in _qmp.Events.ReadAllAsync().ConfigureAwait(false))
        {
            _runState.Hear(e);
            _memory.Hear(e);
            if (e.Name is "MEMORY_DEVICE_SIZE_CHANGE" or "BALLOON_CHANGE" or "RESUME" or "DEVICE_DELETED" or "ACPI_DEVICE_OST")
                _sizes.Look();
            if (e.Name == "RESET")
            {
                _memory.ForgetGuest();
                _sizes.LookAfterReset();
            }

            if (_qmp.DroppedEvents > dropped)
            {
                dropped = _qmp.DroppedEvents;
                _log($"VM '{_handle.Id}': QEMU sent more events than could be read, {dropped} so far were dropped; sizes are read instead");
                _sizes.Look();
                _runState.Look();
            }
        }
    }

    /// <summary>Reports what the end of the connection means for the VM.</summary>
    private async Task ConcludeAsync()
    {
        _sink.TellLast(await _end.ConcludeAsync(() => _brokenWhy, _stop.Token).ConfigureAwait(false));
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_agent is not null)
            await _agent.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Reads the balloon statistics, but only while no agent speaks: an agent's samples are newer and contain more.</summary>
    private async Task FollowStatisticsAsync()
    {
        while (_statistics is not null)
        {
            await Task.Delay(_settings.StatsPeriod, _time, _stop.Token).ConfigureAwait(false);
            if (_agent?.IsSpeaking == true)
                continue;
            try
            {
                if (await _statistics.ReadNewAsync(_limit, _stop.Token).ConfigureAwait(false) is { } sample)
                    _sink.Tell(new VmObservation.Sample(sample));
            }
            catch (QmpTimeoutException e)
            {
                // The loop over the sizes decides whether QEMU is lost.
                _log($"VM '{_handle.Id}': {e.Message}");
            }
            catch (QmpRefusedException e)
            {
                _log($"VM '{_handle.Id}': its balloon sends no statistics: {e.Description}");
                return;
            }
        }
    }

    /// <summary>Runs a loop. A loop that fails breaks the connection, so that the VM's actor is told and connects again.</summary>
    private async Task LoopAsync(string what, Func<Task> loop)
    {
        try
        {
            await loop().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return;
        }
        catch (QmpClosedException)
        {
            // The loop over the events reports the reason.
            return;
        }
        catch (Exception e)
        {
            // The log gets the place of the fault; people get the reason.
            if (e is not HypervisorException)
                _log($"VM '{_handle.Id}': following its {what} failed: {e}");
            _brokenWhy = e is HypervisorException
                ? e.Message
                : $"following the VM's {what} failed: {ForeignText.CleanLines(e.Message, 200)}";
            await _qmp.DisposeAsync().ConfigureAwait(false);
        }
    }
}
