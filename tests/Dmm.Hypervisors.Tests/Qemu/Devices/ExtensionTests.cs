using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Qmp;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>Tests further virtio-mem devices and rescue DIMMs for a VM that runs.</summary>
public sealed class ExtensionTests : IDisposable
{
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_further_device_doubles_what_can_be_plugged_and_the_VM_says_so()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        Assert.Equal(MemorySize.FromGiB(511) - Boot, vm.Capabilities.ExtendableTo.RoundUp(MemorySize.FromMiB(1)));

        await vm.ExtendAsync(MemorySize.FromGiB(17), default).InTime();

        var able = await _observed.FirstAsync<VmObservation.Able>();
        Assert.Equal(MemorySize.FromGiB(32), able.Value.PluggableMax);
        Assert.Same(able.Value, vm.Capabilities);
        Assert.Equal(new FakeQemu.Device("dmm-vmem0", "virtio-mem-pci", "dmm-vmem0-memory", "dmm-spare0"), Assert.Single(qemu.Added));
        await vm.SetPluggedAsync(MemorySize.FromGiB(20), default).InTime();
        Assert.Equal((16L << 30, 4L << 30), (qemu.RequestedBytes, qemu.Added[0].Requested));
        Assert.Equal(MemorySize.FromGiB(20), (await vm.ReadSizesAsync(default).InTime()).PluggedTarget);
    }

    [Fact]
    public async Task Four_ports_take_a_VM_to_all_that_its_machine_has()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        var end = vm.Capabilities.ExtendableTo;
        for (var port = 0; port < 4; port++)
            await vm.ExtendAsync(vm.Capabilities.PluggableMax + MemorySize.FromMiB(2), default).InTime();

        Assert.Equal(MemorySize.FromGiB(256), vm.Capabilities.PluggableMax);
        Assert.Equal(["dmm-spare0", "dmm-spare1", "dmm-spare2", "dmm-spare3"], qemu.Added.Select(d => d.Bus));
        Assert.Equal(vm.Capabilities.PluggableMax, vm.Capabilities.ExtendableTo);
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains("no root port left", StringComparison.Ordinal));
        Assert.False(vm.Capabilities.RescueSize.IsZero);
        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.ExtendAsync(end, default));
        Assert.Contains("0 free root ports", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_at_once_is_one_device_and_leaves_room_for_rescue_DIMMs()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        await vm.ExtendAsync(vm.Capabilities.ExtendableTo, default).InTime();

        Assert.Equal(MemorySize.FromGiB(511) - Boot, vm.Capabilities.PluggableMax);
        Assert.Single(qemu.Added);
        for (var dimm = 0; dimm < 8; dimm++)
            await vm.RescueAsync(default).InTime();
        Assert.Equal(MemorySize.Zero, vm.Capabilities.RescueSize);
        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.RescueAsync(default));
        Assert.Contains("no room for a rescue DIMM", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_it_has_already_costs_no_device_and_what_can_not_be_is_refused()
    {
        await using var qemu = New(maxGiB: 20);
        await using var vm = await ConnectAsync(qemu);
        await vm.ExtendAsync(MemorySize.FromGiB(16), default).InTime();
        Assert.Empty(qemu.Added);

        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.ExtendAsync(MemorySize.FromGiB(20), default));
        Assert.Contains("at most 18.75 GiB", e.Message, StringComparison.Ordinal);
        Assert.Empty(qemu.Added);
    }

    [Fact]
    public async Task A_device_that_QEMU_refuses_leaves_no_memory_behind()
    {
        await using var qemu = New();
        qemu.DeviceRefusal = "Bus 'dmm-spare0' does not support hotplugging";
        await using var vm = await ConnectAsync(qemu);
        var before = vm.Capabilities;

        var e = await Assert.ThrowsAsync<QmpRefusedException>(() => vm.ExtendAsync(MemorySize.FromGiB(32), default));
        await Assert.ThrowsAsync<QmpRefusedException>(() => vm.RescueAsync(default));

        Assert.Contains("does not support hotplugging", e.Message, StringComparison.Ordinal);
        Assert.Equal(["x"], qemu.Objects.Keys);
        Assert.Empty(_observed.Of<VmObservation.Able>());
        Assert.Same(before, vm.Capabilities);
    }

    [Fact]
    public async Task The_next_daemon_finds_devices_and_free_ports_again()
    {
        await using var qemu = New();
        await using (var vm = await ConnectAsync(qemu))
            await vm.ExtendAsync(MemorySize.FromGiB(32), default).InTime();

        await using var again = await ConnectAsync(qemu);
        Assert.Equal(MemorySize.FromGiB(32), again.Capabilities.PluggableMax);
        await again.ExtendAsync(MemorySize.FromGiB(33), default).InTime();
        Assert.Equal(
            [("dmm-vmem0", "dmm-vmem0-memory", "dmm-spare0"), ("dmm-vmem1", "dmm-vmem1-memory", "dmm-spare1")],
            qemu.Added.Select(d => (d.Id, d.Memory, d.Bus)));
    }

    [Fact]
    public async Task A_VM_without_a_spare_port_can_not_be_extended_and_says_what_to_add()
    {
        await using var qemu = New(sparePorts: 0);
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal(vm.Capabilities.PluggableMax, vm.Capabilities.ExtendableTo);
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains("-device pcie-root-port,id=dmm-spare0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_rescue_DIMM_counts_as_base_also_for_the_next_daemon_and_the_balloon_stays_right()
    {
        await using var qemu = New();
        qemu.BalloonActualBytes = 200 * FakeQemu.Mib;
        await using (var vm = await ConnectAsync(qemu))
        {
            Assert.Equal(MemorySize.FromMiB(128), vm.Capabilities.RescueSize);
            qemu.BalloonActualBytes = (200 + 128) * FakeQemu.Mib;
            await vm.RescueAsync(default).InTime();
            var seen = await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Base == MemorySize.FromMiB(384));
            Assert.Equal((MemorySize.Zero, MemorySize.FromMiB(56)), (seen.Value.Plugged, seen.Value.Ballooned));
            await vm.SetBalloonedAsync(MemorySize.FromMiB(40), default).InTime();
            Assert.Contains($"balloon {{\"value\":{(384 - 40) * FakeQemu.Mib}}}", qemu.Heard);
        }

        Assert.Equal(new FakeQemu.Device("dmm-rescue0", "pc-dimm", "dmm-rescue0-memory", null), Assert.Single(qemu.Added));
        await using var again = await ConnectAsync(qemu);
        Assert.Equal(MemorySize.FromMiB(384), (await again.ReadSizesAsync(default).InTime()).Base);
        await again.RescueAsync(default).InTime();
        Assert.Equal("dmm-rescue1", qemu.Added[^1].Id);
    }

    [Fact]
    public async Task Without_a_slot_there_is_no_rescue()
    {
        await using var qemu = New(slots: 0);
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal(MemorySize.Zero, vm.Capabilities.RescueSize);
        await Assert.ThrowsAsync<HypervisorException>(() => vm.RescueAsync(default));
        Assert.Empty(qemu.Added);
    }

    private FakeQemu New(long maxGiB = 512, int slots = 32, int sparePorts = 4) =>
        new(_folder.In("q")) { MaxBytes = maxGiB << 30, Slots = slots, SparePorts = sparePorts };

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, _time)
            .ConnectAsync(qemu.Handle, _observed.Take, default).InTime();
}
