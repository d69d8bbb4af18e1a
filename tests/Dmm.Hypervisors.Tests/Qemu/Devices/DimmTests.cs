using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Hypervisors.Qemu;
using Microsoft.Extensions.Time.Testing;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>Plugging by DIMMs: VMs without virtio-mem, and guests without its driver.</summary>
public sealed class DimmTests : IDisposable
{
    private static readonly MemorySize Dimm = MemorySize.FromMiB(128);

    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Observed _observed = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_VM_without_virtio_mem_grows_by_DIMMs_as_far_as_its_slots_go()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        Assert.Equal(
            (Dimm, MemorySize.FromGiB(4), MemorySize.Zero),
            (vm.Capabilities.BlockSize, vm.Capabilities.PluggableMax, vm.Capabilities.RescueSize));
        Assert.Contains(vm.Capabilities.Lacks, l => l.Contains("whole DIMMs of 128 MiB, up to 4 GiB", StringComparison.Ordinal));

        await vm.SetPluggedAsync(MemorySize.FromMiB(384), default).InTime();

        Assert.Equal(["dmm-dimm0", "dmm-dimm1", "dmm-dimm2"], qemu.Added.Select(d => d.Id));
        Assert.Equal(["dmm-dimm0-memory", "dmm-dimm1-memory", "dmm-dimm2-memory"], qemu.Added.Select(d => d.Memory));
        Assert.Equal((384, 384), await PluggedAsync(vm));
        Assert.Equal((Dimm, MemorySize.FromGiB(4)), (vm.Capabilities.BlockSize, vm.Capabilities.PluggableMax));
    }

    [Fact]
    public async Task The_newest_goes_first_and_its_memory_comes_back_when_the_guest_has_given_it()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(384), default).InTime();

        await vm.SetPluggedAsync(MemorySize.FromMiB(128), default).InTime();

        Assert.Equal(["device_del {\"id\":\"dmm-dimm2\"}", "device_del {\"id\":\"dmm-dimm1\"}"], Removals(qemu));
        Assert.Equal((384, 128), await PluggedAsync(vm));
        await qemu.AnswerEjectionAsync("dmm-dimm2", 132);
        await qemu.TakeAwayAsync("dmm-dimm2");
        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == MemorySize.FromMiB(256));
        await Eventually.UntilAsync(() => !qemu.Objects.ContainsKey("dmm-dimm2-memory"), "its memory is given back");
        Assert.Equal((256, 128), await PluggedAsync(vm));
    }

    [Fact]
    public async Task A_refusal_is_asked_again_when_the_same_is_asked_again()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();
        await qemu.AnswerEjectionAsync("dmm-dimm1", 132);
        await qemu.AnswerEjectionAsync("dmm-dimm1", 130);
        await qemu.AnswerEjectionAsync("dmm-dimm0", 132);
        await BeHeardAsync(qemu);
        Assert.Equal((256, 0), await PluggedAsync(vm));

        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();

        Assert.Equal(["dmm-dimm1", "dmm-dimm0", "dmm-dimm1"], Removals(qemu).Select(r => r.Split('"')[3]));
    }

    [Fact]
    public async Task A_guest_that_must_grow_again_keeps_what_it_refused_to_give()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();
        await qemu.AnswerEjectionAsync("dmm-dimm0", 130);
        await BeHeardAsync(qemu);

        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();

        // dmm-dimm1 may leave at any moment, or stay: another DIMM beside it would be more than was asked for.
        Assert.Equal(["dmm-dimm0", "dmm-dimm1"], qemu.Added.Select(d => d.Id));
        Assert.Equal((256, 256), await PluggedAsync(vm));
        await qemu.TakeAwayAsync("dmm-dimm1");
        await _observed.FirstAsync<VmObservation.Sizes>(s => s.Value.Plugged == s.Value.PluggedTarget
            && s.Value.Plugged == MemorySize.FromMiB(128));

        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        Assert.Equal((256, 256), await PluggedAsync(vm));
    }

    [Fact]
    public async Task However_often_a_size_is_asked_for_while_a_DIMM_leaves_no_more_are_added()
    {
        await using var qemu = New();
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        await vm.SetPluggedAsync(MemorySize.FromMiB(128), default).InTime();
        for (var i = 0; i < 3; i++)
            await vm.SetPluggedAsync(MemorySize.FromMiB(256), default).InTime();
        Assert.Equal((256, 256), await PluggedAsync(vm));
        await vm.SetPluggedAsync(MemorySize.FromMiB(384), default).InTime();
        Assert.Equal(["dmm-dimm0", "dmm-dimm1", "dmm-dimm2"], qemu.Added.Select(d => d.Id));
    }

    [Fact]
    public async Task The_next_daemon_counts_its_DIMMs_as_plugged_and_takes_what_is_for_what_was_asked()
    {
        await using var qemu = New();
        await using (var vm = await ConnectAsync(qemu))
        {
            await vm.SetPluggedAsync(MemorySize.FromMiB(384), default).InTime();
            await vm.SetPluggedAsync(MemorySize.FromMiB(128), default).InTime();
        }

        // One DIMM leaves while no daemon watches: its memory object stays in QEMU.
        qemu.Remove("dmm-dimm2");
        await using var again = await ConnectAsync(qemu);

        Assert.Equal((256, 256), await PluggedAsync(again));
        Assert.False(qemu.Objects.ContainsKey("dmm-dimm2-memory"));
        Assert.True(qemu.Objects.ContainsKey("dmm-dimm1-memory"));
        await again.SetPluggedAsync(MemorySize.FromMiB(384), default).InTime();
        Assert.Equal("dmm-dimm2", qemu.Added[^1].Id);
    }

    [Fact]
    public async Task Foreign_DIMMs_stay_base()
    {
        await using var qemu = New(foreignDimm: 512);
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(Dimm, default).InTime();

        var sizes = await vm.ReadSizesAsync(default).InTime();
        Assert.Equal((MemorySize.FromMiB(256 + 512), Dimm), (sizes.Base, sizes.Plugged));
        await vm.SetPluggedAsync(MemorySize.Zero, default).InTime();
        Assert.Equal(["device_del {\"id\":\"dmm-dimm0\"}"], Removals(qemu));
    }

    [Fact]
    public async Task Few_slots_make_large_DIMMs()
    {
        await using var qemu = New(maxGiB: 5, slots: 4);
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal((MemorySize.FromGiB(1), MemorySize.FromGiB(4)), (vm.Capabilities.BlockSize, vm.Capabilities.PluggableMax));
        var e = await Assert.ThrowsAsync<HypervisorException>(() => vm.SetPluggedAsync(Dimm, default));
        Assert.Contains("multiple of 1 GiB", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_without_the_driver_is_plugged_by_DIMMs_once_that_is_certain()
    {
        await using var qemu = New(virtioMem: true);
        using var guest = new FakeAgent(_folder.In("agent"));
        await using var vm = await ConnectAsync(qemu);
        await vm.SetPluggedAsync(MemorySize.FromMiB(512), default).InTime();
        await guest.SayAsync("""{"t":"hello","protocol":2,"lowKib":65536,"virtioMem":false,"blockKib":131072}""");
        await _observed.FirstAsync<VmObservation.Hello>();
        Assert.Equal(MemorySize.FromGiB(16), vm.Capabilities.PluggableMax);

        var able = await _observed.FirstAsync<VmObservation.Able>(meanwhile: Tick);

        Assert.Equal((Dimm, MemorySize.FromGiB(4)), (able.Value.BlockSize, able.Value.PluggableMax));
        Assert.Contains(able.Value.Lacks, l => l.Contains("whole DIMMs of 128 MiB", StringComparison.Ordinal));
        Assert.Equal(0, qemu.RequestedBytes);
        Assert.Contains("\"what\":\"hello\"", await guest.HearAsync(), StringComparison.Ordinal);

        // The driver is loaded after all, and no DIMM has been plugged.
        await guest.SayAsync("""{"t":"hello","protocol":2,"lowKib":65536,"virtioMem":true,"blockKib":131072}""");
        await _observed.FirstAsync<VmObservation.Able>(a => a.Value.PluggableMax == MemorySize.FromGiB(16), Tick);
    }

    [Fact]
    public async Task A_driver_that_is_bound_a_moment_later_changes_nothing()
    {
        await using var qemu = New(virtioMem: true);
        using var guest = new FakeAgent(_folder.In("agent"));
        await using var vm = await ConnectAsync(qemu);
        await guest.SayAsync("""{"t":"hello","protocol":2,"lowKib":65536,"virtioMem":false}""");
        await guest.SayAsync("""{"t":"hello","protocol":2,"lowKib":65536,"virtioMem":true,"blockKib":2097152}""");

        // The guest also reports memory blocks of 2 GiB, which shows that both hellos were handled.
        var able = await _observed.FirstAsync<VmObservation.Able>(meanwhile: Tick);

        Assert.Equal((MemorySize.FromGiB(16), MemorySize.FromGiB(2)), (able.Value.PluggableMax, able.Value.RescueSize));
        Assert.Single(_observed.Of<VmObservation.Able>());
    }

    private static List<string> Removals(FakeQemu qemu) => [.. qemu.Heard.Where(h => h.StartsWith("device_del", StringComparison.Ordinal))];

    private static async Task<(long Plugged, long Target)> PluggedAsync(IVirtualMachine vm)
    {
        var sizes = await vm.ReadSizesAsync(default).InTime();
        return (sizes.Plugged.Bytes >> 20, sizes.PluggedTarget.Bytes >> 20);
    }

    /// <summary>Sends an event after the others and waits for its effect: then the others have been handled.</summary>
    private async Task BeHeardAsync(FakeQemu qemu)
    {
        qemu.BalloonActualBytes -= FakeQemu.Mib;
        var told = _observed.Of<VmObservation.Sizes>().Count;
        await qemu.TellAsync("BALLOON_CHANGE");
        await Eventually.UntilAsync(() => _observed.Of<VmObservation.Sizes>().Count > told, "the balloon's change is told");
    }

    private void Tick() => _time.Advance(TimeSpan.FromMilliseconds(100));

    private FakeQemu New(long maxGiB = 512, int slots = 32, bool virtioMem = false, long foreignDimm = 0) => new(_folder.In("q"))
    {
        HasVirtioMem = virtioMem,
        HasBalloon = true,
        MaxBytes = maxGiB << 30,
        Slots = slots,
        SparePorts = 0,
        DimmBytes = foreignDimm * FakeQemu.Mib,
        AgentSocket = _folder.In("agent"),
    };

    private Task<IVirtualMachine> ConnectAsync(FakeQemu qemu) =>
        new QemuHypervisor(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, _time)
            .ConnectAsync(qemu.Handle, _observed.Take, default).InTime();
}
