using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>VMs with several virtio-mem devices that somebody else filled, or with other devices in addition.</summary>
public sealed class SeveralDevicesTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_VM_whose_devices_were_not_filled_in_order_grows_and_shrinks_from_what_they_have()
    {
        await using var qemu = New(Device(0), Device(512));
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MiB(512), default).InTime();
        Assert.Equal([0, 512], Requested(qemu));
        await vm.SetPluggedAsync(MiB(536), default).InTime();
        Assert.Equal([24, 512], Requested(qemu));
        Assert.Equal(536, qemu.Most / FakeQemu.Mib);
        await vm.SetPluggedAsync(MiB(256), default).InTime();
        Assert.Equal([0, 256], Requested(qemu));
    }

    [Fact]
    public async Task What_one_keeps_is_not_taken_up_elsewhere_and_it_is_asked_for_it_again()
    {
        await using var qemu = New(Device(188), Device(4, requested: 0));
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MiB(188), default).InTime();
        Assert.Equal([188, 0], Requested(qemu));
        Assert.Equal(1, qemu.Count("""qom-set {"path":"/machine/peripheral/vm1","property":"requested-size","value":0}"""));
        await vm.SetPluggedAsync(MiB(192), default).InTime();
        Assert.Equal([188, 4], Requested(qemu));
        Assert.Equal(192, qemu.Most / FakeQemu.Mib);
    }

    [Fact]
    public async Task What_one_keeps_is_asked_of_another_when_it_is_asked_for_again_in_vain()
    {
        await using var qemu = New(Device(188), Device(4));
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MiB(188), default).InTime();
        Assert.Equal([188, 0], Requested(qemu));
        await vm.SetPluggedAsync(MiB(188), default).InTime();
        Assert.Equal([184, 4], Requested(qemu));
        Assert.Equal(192, qemu.Most / FakeQemu.Mib);
    }

    [Fact]
    public async Task What_may_be_held_twice_is_told_and_ends_when_they_are_told_anew()
    {
        // The devices are as an earlier daemon or another manager left them.
        await using var qemu = New(Device(0, requested: 536), Device(512, requested: 0));
        await using var vm = await ConnectAsync(qemu);
        var sizes = await vm.ReadSizesAsync(default).InTime();
        Assert.Equal((MiB(512), MiB(536), MiB(1048), MiB(1304)), (sizes.Plugged, sizes.PluggedTarget, sizes.PluggedMost, sizes.Ceiling));

        await vm.SetPluggedAsync(MiB(512), default).InTime();

        sizes = await vm.ReadSizesAsync(default).InTime();
        Assert.Equal((MiB(512), MiB(512), MemorySize.Zero), (sizes.PluggedTarget, sizes.PluggedMost, sizes.Overlap));
    }

    [Fact]
    public async Task Who_is_to_have_less_is_told_before_who_is_to_have_more()
    {
        await using var qemu = New(Device(100, requested: 50), Device(100, requested: 300));
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MiB(200), default).InTime();

        Assert.Equal([100, 100], Requested(qemu));
        Assert.Equal(200, qemu.Most / FakeQemu.Mib);
    }

    [Fact]
    public async Task Devices_with_blocks_of_other_sizes_stay_as_they_are_when_that_is_asked()
    {
        await using var qemu = New(Device(188), Device(128, block: 128));
        await using var vm = await ConnectAsync(qemu);
        Assert.Equal(MiB(128), vm.Capabilities.BlockSize);

        await vm.SetPluggedAsync(MiB(316), default).InTime();
        Assert.Equal([188, 128], Requested(qemu));
        await vm.SetPluggedAsync(MiB(512), default).InTime();
        Assert.Equal([384, 128], Requested(qemu));
        qemu.Added[0].Plugged = 384 * FakeQemu.Mib;
        await vm.SetPluggedAsync(MiB(256), default).InTime();
        Assert.Equal([256, 0], Requested(qemu));
        await Assert.ThrowsAsync<HypervisorException>(() => vm.SetPluggedAsync(MiB(3), default));
    }

    [Fact]
    public async Task An_amount_that_their_blocks_can_not_make_counts_as_asked_for()
    {
        await using var qemu = New(Device(188), Device(0, block: 128));
        qemu.Objects["vm0-memory"] = 188 * FakeQemu.Mib;
        await using var vm = await ConnectAsync(qemu);

        await vm.SetPluggedAsync(MiB(256), default).InTime();

        Assert.Equal([188, 0], Requested(qemu));
        Assert.Equal(MiB(256), (await vm.ReadSizesAsync(default).InTime()).PluggedTarget);
    }

    [Fact]
    public async Task A_device_that_somebody_else_added_is_found_and_told_of()
    {
        await using var qemu = New(Device(512));
        await using var vm = await ConnectAsync(qemu);
        qemu.Objects["vm9-memory"] = 1024 * FakeQemu.Mib;
        qemu.Add(new("vm9", "virtio-mem-pci", "vm9-memory", null) { Plugged = 128 * FakeQemu.Mib, Requested = 128 * FakeQemu.Mib });

        await vm.SetPluggedAsync(MiB(600), default).InTime();

        Assert.Equal([512, 88], Requested(qemu));
        Assert.Equal(MemorySize.FromGiB(2), (await _observed.FirstAsync<VmObservation.Able>()).Value.PluggableMax);
    }

    [Fact]
    public async Task DIMMs_beside_virtio_mem_are_plugged_and_it_keeps_what_it_has()
    {
        await using var qemu = New(Device(188));
        qemu.Objects["dimm0-memory"] = 512 * FakeQemu.Mib;
        qemu.Add(new("dimm0", "pc-dimm", "dimm0-memory", null));
        await using var vm = await ConnectAsync(qemu);
        Assert.Equal(MiB(512), vm.Capabilities.BlockSize);

        await vm.SetPluggedAsync(MiB(700), default).InTime();
        Assert.Equal((0, 0), (qemu.Count("device_add"), qemu.Count("device_del")));
        await vm.SetPluggedAsync(MiB(512), default).InTime();
        Assert.Equal((0, 0), (qemu.Count("device_add"), qemu.Count("device_del")));
        await vm.SetPluggedAsync(MiB(1536), default).InTime();
        Assert.Equal((1, 0), (qemu.Count("device_add"), qemu.Count("device_del")));
        Assert.DoesNotContain(qemu.Heard, h => h.Contains("requested-size", StringComparison.Ordinal));
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();
        Assert.Equal(2, qemu.Count("device_del"));
    }

    private FakeQemu New(params FakeQemu.Device[] devices)
    {
        var qemu = new FakeQemu(_folder.In("q")) { HasVirtioMem = false };
        foreach (var (device, i) in devices.Select((d, i) => (d, i)))
        {
            qemu.Objects[$"vm{i}-memory"] = 1024 * FakeQemu.Mib;
            qemu.Add(device with { Id = $"vm{i}", Memory = $"vm{i}-memory" });
        }

        return qemu;
    }

    private static FakeQemu.Device Device(long plugged, long? requested = null, long block = 2) => new("", "virtio-mem-pci", "", null)
    {
        Plugged = plugged * FakeQemu.Mib,
        Requested = (requested ?? plugged) * FakeQemu.Mib,
        Block = block * FakeQemu.Mib,
    };

    private static MemorySize MiB(long mib) => MemorySize.FromMiB(mib);

    private static long[] Requested(FakeQemu qemu) => [.. qemu.Added.Select(d => d.Requested / FakeQemu.Mib)];

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, _time)
            .ConnectAsync(qemu.Handle, _observed.Take, default).InTime();
}
