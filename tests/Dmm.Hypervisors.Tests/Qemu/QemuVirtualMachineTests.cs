using Dmm.Core.Hypervisors;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu;

public sealed class QemuVirtualMachineTests : IDisposable
{
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();

    public void Dispose() => _folder.Dispose();

    private string Socket => _folder.In("q");

    [Fact]
    public async Task The_first_fact_is_the_sizes_and_capabilities_are_found_by_type()
    {
        await using var qemu = new FakeQemu(Socket)
        {
            PluggedBytes = 512 * FakeQemu.Mib,
            RequestedBytes = 512 * FakeQemu.Mib,
            BalloonActualBytes = 200 * FakeQemu.Mib,
        };
        await using var vm = await ConnectAsync(qemu);

        var first = Assert.IsType<VmObservation.Sizes>(_observed.All[0]);
        Assert.Equal(
            new VmSizes(Boot, MemorySize.FromMiB(512), MemorySize.FromMiB(56), MemorySize.FromMiB(512), MemorySize.Zero) { BalloonUnsure = true },
            first.Value);
        Assert.True(vm.Capabilities.Balloon);
        Assert.Equal(MemorySize.FromGiB(16), vm.Capabilities.PluggableMax);
        Assert.Equal(MemorySize.FromMiB(2), vm.Capabilities.BlockSize);
        Assert.Contains("org.dmm.guest.0", Assert.Single(vm.Capabilities.Lacks, l => l != vm.Doubt), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_VM_that_can_do_nothing_says_what_it_lacks()
    {
        await using var qemu = new FakeQemu(Socket) { HasVirtioMem = false, HasBalloon = false, MaxBytes = 256 * FakeQemu.Mib, Slots = 0 };
        await using var vm = await ConnectAsync(qemu);

        Assert.False(vm.Capabilities.Balloon);
        Assert.Equal(
            (MemorySize.Zero, MemorySize.Zero, MemorySize.Zero),
            (vm.Capabilities.PluggableMax, vm.Capabilities.ExtendableTo, vm.Capabilities.RescueSize));
        Assert.Collection(
            vm.Capabilities.Lacks.Where(l => l != vm.Doubt),
            l => Assert.Contains("virtio-mem device", l, StringComparison.Ordinal),
            l => Assert.Contains("-m size=…,slots=32,maxmem=512G", l, StringComparison.Ordinal),
            l => Assert.Contains("virtio-balloon", l, StringComparison.Ordinal),
            l => Assert.Contains("org.dmm.guest.0", l, StringComparison.Ordinal));
        await Assert.ThrowsAsync<HypervisorException>(() => vm.SetBalloonedAsync(MemorySize.FromMiB(1), default));
        await Assert.ThrowsAsync<HypervisorException>(() => vm.SetPluggedAsync(MemorySize.FromMiB(2), default));
        await Assert.ThrowsAsync<HypervisorException>(() => vm.ExtendAsync(MemorySize.FromMiB(2), default));
        await Assert.ThrowsAsync<HypervisorException>(() => vm.RescueAsync(default));
    }

    [Fact]
    public async Task DIMMs_count_as_base_because_the_balloon_counts_them()
    {
        await using var qemu = new FakeQemu(Socket) { DimmBytes = 128 * FakeQemu.Mib, BalloonActualBytes = 384 * FakeQemu.Mib };
        await using var vm = await ConnectAsync(qemu);

        var sizes = await vm.ReadSizesAsync(default).InTime();

        Assert.Equal(MemorySize.FromMiB(384), sizes.Base);
        Assert.Equal(MemorySize.Zero, sizes.Ballooned);
    }

    [Fact]
    public async Task Sizes_that_were_read_for_a_call_are_told_before_it_is_over()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(512), default).InTime();
        qemu.PluggedBytes = 256 * FakeQemu.Mib;

        var sizes = await vm.ReadSizesAsync(default).InTime();

        Assert.Equal(MemorySize.FromMiB(256), sizes.Plugged);
        Assert.Equal(sizes, _observed.All.OfType<VmObservation.Sizes>().Last().Value);
    }

    [Fact]
    public async Task A_balloon_that_QEMU_refuses_is_told_in_its_words()
    {
        await using var qemu = new FakeQemu(Socket) { BalloonRefusal = "Using KVM without synchronous MMU, balloon unavailable" };
        await using var vm = await ConnectAsync(qemu);

        Assert.False(vm.Capabilities.Balloon);
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains("without synchronous MMU", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_event_makes_the_sizes_be_read_at_once()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.PluggedBytes = 128 * FakeQemu.Mib;
        await qemu.TellAsync("MEMORY_DEVICE_SIZE_CHANGE", """{"size": 134217728, "qom-path": "/machine/x"}""");

        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == MemorySize.FromMiB(128));
    }

    [Fact]
    public async Task Without_events_polling_sees_the_change()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.BalloonActualBytes = 192 * FakeQemu.Mib;

        await _observed.FirstAsync<VmObservation.Sizes>(
            s => s.Value.Ballooned == MemorySize.FromMiB(64), () => Tick());
    }

    [Fact]
    public async Task Equal_sizes_are_told_once()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("query-balloon") > 5;
            },
            "several looks");

        Assert.Single(_observed.Of<VmObservation.Sizes>());
    }

    [Fact]
    public async Task Targets_are_told_apart_from_what_is()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MemorySize.FromMiB(512), default).InTime();
        await vm.SetBalloonedAsync(MemorySize.FromMiB(32), default).InTime();
        var sizes = await vm.ReadSizesAsync(default).InTime();

        Assert.Equal(new VmSizes(Boot, MemorySize.Zero, MemorySize.Zero, MemorySize.FromMiB(512), MemorySize.FromMiB(32)), sizes);
        Assert.Contains("balloon {\"value\":234881024}", qemu.Heard);
        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value == sizes);
    }

    [Fact]
    public async Task What_the_balloon_was_told_before_is_known_to_nobody_until_it_is_told_anew()
    {
        await using var qemu = new FakeQemu(Socket) { BalloonActualBytes = 200 * FakeQemu.Mib };
        await using var vm = await ConnectAsync(qemu);
        var sizes = await vm.ReadSizesAsync(default).InTime();
        Assert.Equal((true, Boot), (sizes.BalloonUnsure, sizes.Ceiling));

        var stock = await vm.TakeStockAsync(default).InTime();

        Assert.Equal((false, MemorySize.FromMiB(200)), (stock.BalloonUnsure, stock.Ceiling));
        Assert.Contains($"balloon {{\"value\":{200 * FakeQemu.Mib}}}", qemu.Heard);
    }

    [Fact]
    public async Task The_same_plug_target_is_asked_again_because_that_wakes_the_guests_driver()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MemorySize.FromMiB(512), default).InTime();
        await vm.SetPluggedAsync(MemorySize.FromMiB(512), default).InTime();

        Assert.Equal(2, qemu.Heard.Count(h => h.Contains("requested-size", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(3, "multiple of 2 MiB")]
    [InlineData(17 * 1024, "at most 16 GiB")]
    public async Task What_can_not_be_plugged_is_refused_before_QEMU_hears_of_it(long mib, string expected)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.SetPluggedAsync(MemorySize.FromMiB(mib), default));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(qemu.Heard, h => h.Contains("requested-size", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_balloon_never_takes_all()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.SetBalloonedAsync(Boot, default));

        Assert.Contains("must be less", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_without_agent_is_known_from_its_balloon_and_each_telling_counts_once()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);
        Assert.Contains(qemu.Heard, h => h.Contains("guest-stats-polling-interval", StringComparison.Ordinal));

        await LooksAsync(qemu, 2);
        qemu.GuestStatistics = """
            {"stats": {"stat-total-memory": 230000000, "stat-free-memory": 100000000, "stat-available-memory": 18446744073709551615,
             "stat-major-faults": 7, "stat-swap-in": 8192, "stat-swap-out": -1}, "last-update": 1795504657}
            """.ReplaceLineEndings(" ");
        var sample = (await _observed.FirstAsync<VmObservation.Sample>(meanwhile: Tick)).Value;
        var looks = qemu.Count("qom-get");
        await Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("qom-get") > looks + 3;
            },
            "further looks");

        Assert.Single(_observed.Of<VmObservation.Sample>());
        Assert.Equal(SampleSource.BalloonStatistics, sample.Source);
        Assert.Equal(new MemorySize(230000000), sample.MemTotal);
        Assert.Equal(new MemorySize(100000000), sample.MemFree);
        Assert.False(sample.TellsUse);
        Assert.Equal(7, sample.MajorFaults);
        Assert.Equal(2, sample.SwapIns);
        Assert.Equal(0, sample.SwapOuts);
    }

    [Fact]
    public async Task What_a_guest_told_its_balloon_before_anybody_looked_is_not_taken_for_new()
    {
        // Whatever the host's clock shows: it may have been set since.
        var before = _time.GetUtcNow().ToUnixTimeSeconds();
        await using var qemu = new FakeQemu(Socket)
        {
            GuestStatistics = $$$"""{"stats": {"stat-total-memory": 1, "stat-free-memory": 1}, "last-update": {{{before}}}}""",
        };
        await using var vm = await ConnectAsync(qemu);

        await LooksAsync(qemu, 3);

        Assert.Empty(_observed.Of<VmObservation.Sample>());
    }

    /// <summary>QEMU stamps with the host's time of day, which may be set forward or back by any time.</summary>
    [Theory]
    [InlineData(-7_200)]
    [InlineData(7_200)]
    [InlineData(-2_000_000_000)]
    public async Task What_a_guest_tells_its_balloon_is_new_whatever_the_hosts_time_of_day_is(long off)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);
        await LooksAsync(qemu, 2);
        for (var told = 1; told <= 3; told++)
        {
            var stamp = _time.GetUtcNow().ToUnixTimeSeconds() + off + told;
            qemu.GuestStatistics = $$$"""{"stats": {"stat-total-memory": 230000000, "stat-free-memory": 100000000}, "last-update": {{{stamp}}}}""";
            await LooksAsync(qemu, 2);
            Assert.Equal(told, _observed.Of<VmObservation.Sample>().Count);
        }
    }

    private Task LooksAsync(FakeQemu qemu, int count)
    {
        var before = qemu.Count("qom-get");
        return Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("qom-get") > before + count;
            },
            "further looks");
    }

    [Theory]
    [InlineData("guest-shutdown", "the guest shut down")]
    [InlineData("guest-panic", "the guest's kernel panicked")]
    [InlineData("host-signal", "a signal ended QEMU")]
    public async Task The_end_is_told_with_its_reason(string cause, string expected)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await qemu.TellAsync("SHUTDOWN", $$"""{"guest": true, "reason": "{{cause}}"}""");
        File.Delete(Socket);
        qemu.HangUp();

        var ended = await _observed.FirstAsync<VmObservation.Ended>();
        Assert.Contains(expected, ended.Why, StringComparison.Ordinal);
        Assert.Same(ended, _observed.All[^1]);
    }

    [Fact]
    public async Task Whether_its_guest_runs_is_told_before_the_VM_is_in_hand_and_when_it_changes()
    {
        await using var qemu = new FakeQemu(Socket) { Status = "paused" };
        await using var vm = await ConnectAsync(qemu);
        Assert.Contains("somebody has stopped it", Assert.Single(_observed.Of<VmObservation.RunState>()).Why, StringComparison.Ordinal);

        qemu.Status = "running";
        await qemu.TellAsync("RESUME");
        await _observed.FirstAsync<VmObservation.RunState>(r => r is { Value: VmRunState.Running, Why: null });
        qemu.Status = "io-error";
        await qemu.TellAsync("STOP");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Paused && r.Why!.Contains("io-error", StringComparison.Ordinal));
        Assert.Equal(3, _observed.Of<VmObservation.RunState>().Count);
    }

    [Fact]
    public async Task A_migration_is_seen_to_its_end_though_QEMU_tells_no_event_of_that()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Status = "finish-migrate";
        await qemu.TellAsync("STOP");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.MigratingOut);
        qemu.Status = "postmigrate";
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.MigratedAway, Tick);
        await vm.EndAsync(default).InTime();

        var ended = await _observed.FirstAsync<VmObservation.Ended>();
        Assert.Equal(EndCause.MigratedAway, ended.Cause);
    }

    [Fact]
    public async Task One_that_is_stopped_and_gone_before_anybody_could_ask_why_may_have_been_migrated()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Frozen = true;
        await qemu.TellAsync("STOP");
        await qemu.TellAsync("SHUTDOWN", """{"guest": false, "reason": "host-qmp-quit"}""");
        File.Delete(Socket);
        qemu.HangUp();

        Assert.Equal(EndCause.MigratedAway, (await _observed.FirstAsync<VmObservation.Ended>()).Cause);
    }

    [Fact]
    public async Task A_guest_that_powered_down_in_a_process_that_stays_is_not_the_reason_of_a_later_end()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Status = "shutdown";
        await qemu.TellAsync("SHUTDOWN", """{"guest": true, "reason": "guest-shutdown"}""");
        await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Halted);
        var looks = qemu.Count("query-status");
        await Eventually.UntilAsync(
            () =>
            {
                Tick();
                return qemu.Count("query-status") > looks + 3;
            },
            "further looks");
        File.Delete(Socket);
        qemu.HangUp();

        await _observed.FirstAsync<VmObservation.ConnectionLost>(meanwhile: Tick);
        Assert.Empty(_observed.Of<VmObservation.Ended>());
    }

    [Fact]
    public async Task A_broken_connection_is_not_the_end_while_somebody_still_listens()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.HangUp();

        var lost = await _observed.FirstAsync<VmObservation.ConnectionLost>();
        Assert.Contains("closed the connection", lost.Why, StringComparison.Ordinal);
        Assert.Empty(_observed.Of<VmObservation.Ended>());
        await using var again = await ConnectAsync(qemu);
        Assert.True(again.Capabilities.Balloon);
    }

    [Fact]
    public async Task A_QEMU_that_misses_two_deadlines_is_given_up()
    {
        _patience = TimeSpan.FromSeconds(5);
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        qemu.Frozen = true;

        var lost = await _observed.FirstAsync<VmObservation.ConnectionLost>(meanwhile: Tick);
        Assert.Contains("did not answer", lost.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_is_asked_to_power_down_and_nothing_else_is_done_to_it()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.PowerDownAsync(default).InTime();

        Assert.Equal((1, 0), (qemu.Count("system_powerdown"), qemu.Count("quit")));
    }

    [Fact]
    public async Task A_VM_that_is_ended_is_gone_when_that_is_done_and_its_guest_is_not_asked()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        await vm.EndAsync(default).InTime();

        Assert.Equal(0, qemu.Count("system_powerdown"));
        Assert.Contains("host-qmp-quit", (await _observed.FirstAsync<VmObservation.Ended>()).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_VM_let_go_is_heard_of_no_more_and_can_be_taken_up_again()
    {
        await using var qemu = new FakeQemu(Socket);
        var vm = await ConnectAsync(qemu);
        await vm.DisposeAsync();
        var told = _observed.All.Count;

        qemu.PluggedBytes = 64 * FakeQemu.Mib;
        await using var again = await ConnectAsync(qemu, _ => { });

        Assert.Equal(told, _observed.All.Count);
        Assert.Equal(0, qemu.Count("quit"));
    }

    [Fact]
    public async Task A_flood_of_events_leaves_the_sizes_right()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        for (var i = 1; i <= 2000; i++)
        {
            qemu.PluggedBytes = i * FakeQemu.Mib;
            await qemu.TellAsync("MEMORY_DEVICE_SIZE_CHANGE");
        }

        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == MemorySize.FromMiB(2000));
        Assert.False(_observed.Overlapped);
        Assert.True(_observed.Of<VmObservation.Sizes>().Count < 2000);
    }

    [Fact]
    public async Task An_observer_that_throws_does_not_end_the_driver()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu, o =>
        {
            _observed.Take(o);
            throw new InvalidOperationException("observer");
        });

        qemu.PluggedBytes = 128 * FakeQemu.Mib;
        await qemu.TellAsync("MEMORY_DEVICE_SIZE_CHANGE");

        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == MemorySize.FromMiB(128));
    }

    /// <summary>A small step, so that the real round trips between two steps stay far from the deadlines of the virtual time.</summary>
    /// <summary>Virtual time may run far ahead of a fake that a busy machine lets wait: only a story about an answer that never comes is impatient.</summary>
    private TimeSpan _patience = TimeSpan.FromHours(1);

    private void Tick() => _time.Advance(TimeSpan.FromMilliseconds(100));

    private QemuHypervisor Hypervisor() => new(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg, CommandDeadline = _patience }, _time);

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu, Action<VmObservation>? observe = null) =>
        Hypervisor().ConnectAsync(qemu.Handle, observe ?? _observed.Take, default).InTime();
}
