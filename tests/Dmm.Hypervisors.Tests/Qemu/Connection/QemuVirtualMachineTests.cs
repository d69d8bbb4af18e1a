using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

public sealed class QemuVirtualMachineTests : QemuVmFixture
{
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);

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
            new VmSizes(Boot, MemorySize.FromMiB(512), MemorySize.FromMiB(56), MemorySize.FromMiB(512),
                MemorySize.Zero)
            { BalloonUnsure = true },
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
        // This must not depend on the host's clock, which may have been set since.
        var before = _time.GetUtcNow().ToUnixTimeSeconds();
        await using var qemu = new FakeQemu(Socket)
        {
            GuestStatistics = $$$"""{"stats": {"stat-total-memory": 1, "stat-free-memory": 1}, "last-update": {{{before}}}}""",
        };
        await using var vm = await ConnectAsync(qemu);

        await LooksAsync(qemu, 3);

        Assert.Empty(_observed.Of<VmObservation.Sample>());
    }

    /// <summary>QEMU's time stamps are the host's time of day, which may be set forward or back by any amount.</summary>
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
            qemu.GuestStatistics =
                $$$"""{"stats": {"stat-total-memory": 230000000, "stat-free-memory": 100000000}, "last-update": {{{stamp}}}}""";
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

        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == MemorySize.FromMiB(2000), Tick);
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
}
