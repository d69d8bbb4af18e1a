using System.Globalization;
using Dmm.Core.Hypervisors;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Guest;
using Dmm.Hypervisors.Qemu.Devices;
using Dmm.Hypervisors.Qemu.Launch;
using Dmm.Hypervisors.Qemu.Qmp;
using Dmm.Hypervisors.Wire;

namespace Dmm.Hypervisors.Qemu.Connection;

/// <summary>
/// A running QEMU in hand: its control connection, its guest's agent, and the three loops that turn both into observations (sizes, events,
/// balloon statistics). The loops end with the connection or when the VM is let go; QEMU itself is ended by <see cref="EndAsync"/>
/// alone.
/// </summary>
internal sealed class QemuVirtualMachine : IVirtualMachine
{
    /// <summary>A broken connection and the end of the process behind it are not seen in the same instant.</summary>
    private static readonly TimeSpan SignsOfDeath = TimeSpan.FromSeconds(1);

    /// <summary>An agent may be up before its guest's drivers are: that one is missing is believed when it is still so after this.</summary>
    private static readonly TimeSpan DriverPatience = TimeSpan.FromSeconds(3);

    private readonly VmHandle _handle;
    private readonly QmpClient _qmp;
    private readonly HostProcess? _process;
    private readonly QemuSettings _settings;
    private readonly TimeProvider _time;
    private readonly Action<string> _log;
    private readonly ObservationSink _sink;
    private readonly QemuMemory _memory;
    private readonly SizeWatch _sizes;
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
    private bool _folderCleared;

    private QemuVirtualMachine(
        VmHandle handle, QmpClient qmp, HostProcess? process, QemuMemory memory, VmSizes sizes, QemuSettings settings, TimeProvider time,
        ObservationSink sink, Action<string> log)
    {
        (_handle, _qmp, _process, _memory, _settings, _time, _sink, _log) = (handle, qmp, process, memory, settings, time, sink, log);
        _capabilities = memory.Capabilities;
        _met = new Nudge(time);
        _limit = MemorySize.Max(sizes.Base + Capabilities.PluggableMax, memory.Devices.BootMemory + memory.Devices.Room.All);
        _sizes = new SizeWatch(memory, settings, time, TellSizes);
        _cost = process is null ? null : new QemuCost(qmp, memory.Devices.BootMemory, process.Pid);
        _statistics = Capabilities.Balloon ? new BalloonStatistics(qmp, memory.Devices.BalloonPath!, time) : null;
        if ((memory.Devices.AgentSocket ?? handle.AgentSocket) is { } socket)
            _agent = new GuestChannel(socket, _limit, settings.AgentSilence, time, TellOfGuest, log, settings.LowMemory);
    }

    public VmCapabilities Capabilities => _capabilities;

    /// <summary>Takes <paramref name="qmp"/> over, also when it fails.</summary>
    public static async Task<QemuVirtualMachine> TakeUpAsync(
        VmHandle handle, QmpClient qmp, HostProcess? process, QemuSettings settings, TimeProvider time, Action<VmObservation> observe,
        Action<string> log, CancellationToken cancellation)
    {
        try
        {
            var memory = new QemuMemory(qmp, await QemuDevices.DiscoverAsync(qmp, cancellation).ConfigureAwait(false));
            memory.FindLeftOver();
            var sizes = await memory.ReadAsync(cancellation).ConfigureAwait(false);
            var vm = new QemuVirtualMachine(handle, qmp, process, memory, sizes, settings, time, new ObservationSink(observe, log), log);
            await vm.StartAsync(sizes, cancellation).ConfigureAwait(false);
            return vm;
        }
        catch
        {
            await qmp.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public Task<VmSizes> ReadSizesAsync(CancellationToken cancellation) => OfLiveVmAsync(() => _sizes.ReadAsync(cancellation));

    public Task SetBalloonedAsync(MemorySize ballooned, CancellationToken cancellation) =>
        SetAsync(() => _memory.SetBalloonedAsync(ballooned, cancellation));

    /// <summary>It may turn out that somebody else has added a device, or taken one away.</summary>
    public Task SetPluggedAsync(MemorySize plugged, CancellationToken cancellation) =>
        ChangeAsync(() => _memory.SetPluggedAsync(plugged, cancellation));

    public Task ExtendAsync(MemorySize pluggableMax, CancellationToken cancellation) =>
        ChangeAsync(() => _memory.ExtendAsync(pluggableMax, cancellation));

    public Task RescueAsync(CancellationToken cancellation) => ChangeAsync(() => _memory.RescueAsync(cancellation));

    public async Task<HostCost?> MeasureAsync(CancellationToken cancellation) =>
        _cost is null ? null : await OfLiveVmAsync(() => _cost.MeasureAsync(cancellation)).ConfigureAwait(false);

    public Task PowerDownAsync(CancellationToken cancellation) => OfLiveVmAsync(() => _qmp.ExecuteAsync("system_powerdown", null, cancellation));

    public async Task EndAsync(CancellationToken cancellation)
    {
        if (!await QuitsAsync(cancellation).ConfigureAwait(false))
        {
            _process?.Kill();
            if (!await IsGoneAsync(_settings.ExitDeadline, cancellation).ConfigureAwait(false))
            {
                throw new VmLingersException(
                    $"VM '{_handle.Id}' was told to quit, then killed, and {Whereabouts} is still there "
                    + $"after {Seconds(_settings.ExitDeadline)}");
            }
        }

        // The loops end with the connection; they clear the folder before they tell of the end.
        await _loops.WaitAsync(_settings.ExitDeadline, _time, cancellation).ConfigureAwait(false);
        ClearFolder();
    }

    public async ValueTask DisposeAsync()
    {
        _sink.Close();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _qmp.DisposeAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
        _sizes.Dispose();
        if (_agent is not null)
            await _agent.DisposeAsync().ConfigureAwait(false);
        _memory.Dispose();
    }

    /// <summary>Once only: the folder may belong to the next VM of this name as soon as this one's end is known.</summary>
    private void ClearFolder()
    {
        if (!Interlocked.Exchange(ref _folderCleared, true))
            VmFolder.Of(_handle)?.Remove();
    }

    private string Whereabouts => _process is null ? _qmp.Path : $"process {_process.Pid}";

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    private async Task StartAsync(VmSizes sizes, CancellationToken cancellation)
    {
        if (_statistics is not null)
            await _statistics.EnableAsync(_settings.StatsPeriod, cancellation).ConfigureAwait(false);
        _sink.Tell(new VmObservation.Sizes(sizes));
        _agent?.Start();
        _loops = Task.WhenAll(
            Task.Run(FollowEventsAsync, CancellationToken.None),
            Task.Run(() => LoopAsync("sizes", () => _sizes.RunAsync(sizes, _stop.Token)), CancellationToken.None),
            Task.Run(() => LoopAsync("guest", FollowGuestAsync), CancellationToken.None),
            Task.Run(() => LoopAsync("balloon statistics", FollowStatisticsAsync), CancellationToken.None));
    }

    private void TellSizes(VmSizes sizes, bool moved)
    {
        _sink.Tell(new VmObservation.Sizes(sizes));

        // What the guest can spare now, rather than at its agent's next turn.
        if (moved)
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

    /// <summary>What the guest's kernel has decides how memory is plugged.</summary>
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
        await OfLiveVmAsync(async () =>
        {
            await set().ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        _sizes.Look();
    }

    /// <summary>A change to what the VM can do, which is told also where the change failed half-way.</summary>
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
            var now = _memory.Capabilities;
            if (now == _capabilities with { Lacks = now.Lacks } && now.Lacks.SequenceEqual(_capabilities.Lacks))
                return;
            _capabilities = now;
            _sink.Tell(new VmObservation.Able(now));
        }
    }

    /// <summary>A call that fails because the VM has ended says so.</summary>
    private async Task<T> OfLiveVmAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (QmpClosedException e) when (_process?.IsAlive() == false)
        {
            throw new VmGoneException($"VM '{_handle.Id}' no longer runs: {e.Message}", e);
        }
    }

    private async Task FollowEventsAsync()
    {
        string? cause = null;
        var dropped = 0L;
        await foreach (var e in _qmp.Events.ReadAllAsync().ConfigureAwait(false))
        {
            if (e.Name == "SHUTDOWN")
                cause = e.Data.TryGetProperty("reason", out var reason) ? reason.ToString() : "reason unknown";
            _memory.Hear(e);
            if (e.Name is "MEMORY_DEVICE_SIZE_CHANGE" or "BALLOON_CHANGE" or "RESET" or "RESUME" or "DEVICE_DELETED" or "ACPI_DEVICE_OST")
                _sizes.Look();
            if (_qmp.DroppedEvents > dropped)
            {
                dropped = _qmp.DroppedEvents;
                _log($"VM '{_handle.Id}': QEMU sent more events than could be read, {dropped} so far were dropped; sizes are read instead");
                _sizes.Look();
            }
        }

        if (!_stop.IsCancellationRequested)
            await LoopAsync("end", () => ConcludeAsync(cause)).ConfigureAwait(false);
    }

    /// <summary>The connection is over: finds out whether the VM is, too.</summary>
    private async Task ConcludeAsync(string? cause)
    {
        if (await IsGoneAsync(cause is null ? SignsOfDeath : _settings.ExitDeadline, _stop.Token).ConfigureAwait(false))
        {
            ClearFolder();
            _sink.TellLast(new VmObservation.Ended(EndReason.Describe(cause), EndReason.CauseOf(cause)));
        }
        else
        {
            _sink.TellLast(new VmObservation.ConnectionLost(_brokenWhy ?? await _qmp.Closed.ConfigureAwait(false)));
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        if (_agent is not null)
            await _agent.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Where the process is not known, a VM is gone when its connection has ended and nobody listens at its socket.</summary>
    private async Task<bool> IsGoneAsync(TimeSpan deadline, CancellationToken cancellation)
    {
        if (_process is not null)
            return await _process.WaitForExitAsync(deadline, _time, cancellation).ConfigureAwait(false);
        await ((Task)_qmp.Closed).WaitAsync(deadline, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        if (!_qmp.Closed.IsCompleted)
            return false;
        try
        {
            using var socket = await UnixSocket.ConnectAsync(_handle.Control, cancellation).ConfigureAwait(false);
            return false;
        }
        catch (SocketUnreachableException e)
        {
            return e.NobodyListens;
        }
    }

    private async Task<bool> QuitsAsync(CancellationToken cancellation)
    {
        var patience = _settings.CommandDeadline;
        try
        {
            await _qmp.ExecuteAsync("quit", null, cancellation).ConfigureAwait(false);
        }
        catch (HypervisorException e)
        {
            _log($"VM '{_handle.Id}': quit: {e.Message}");
            patience = SignsOfDeath;
        }

        return await IsGoneAsync(patience, cancellation).ConfigureAwait(false);
    }

    /// <summary>Only while no agent speaks: what it says is newer and more.</summary>
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
                // Whether QEMU is lost is for the loop over the sizes to say.
                _log($"VM '{_handle.Id}': {e.Message}");
            }
            catch (QmpRefusedException e)
            {
                _log($"VM '{_handle.Id}': its balloon tells no statistics: {e.Description}");
                return;
            }
        }
    }

    /// <summary>A loop that fails breaks the connection, so that whoever holds the VM hears of it and takes it up anew.</summary>
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
            // The loop over the events tells why.
            return;
        }
        catch (Exception e)
        {
            _brokenWhy = e is HypervisorException ? e.Message : $"following the VM's {what} failed: {e}";
            await _qmp.DisposeAsync().ConfigureAwait(false);
        }
    }
}
