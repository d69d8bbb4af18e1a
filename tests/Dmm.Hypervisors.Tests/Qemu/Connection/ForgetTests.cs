using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu.Connection;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

/// <summary>What DMM tells an adopter beforehand, and what it puts back when it closes its connection.</summary>
public sealed class ForgetTests : QemuVmFixture
{
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task The_period_of_the_balloon_statistics_is_put_back(long seconds)
    {
        await using var qemu = new FakeQemu(Socket) { PollingSeconds = seconds };
        var handle = await Hypervisor().InspectAsync(VmId.Parse("fake"), qemu.Handle.Control, default).InTime();
        Assert.Equal((seconds, seconds), (handle.StatisticsSeconds, qemu.PollingSeconds));

        // A daemon that is killed puts nothing back; the next one still knows, since it has the handle.
        for (var daemon = 0; daemon < 2; daemon++)
        {
            var vm = await Hypervisor().ConnectAsync(handle, _ => { }, default).InTime();
            Assert.Equal(1, qemu.PollingSeconds);
            await vm.DisposeAsync();
            Assert.Equal(seconds, qemu.PollingSeconds);
            qemu.PollingSeconds = 1;
        }
    }

    [Fact]
    public async Task Nothing_but_the_sizes_stays_changed()
    {
        await using var qemu = new FakeQemu(Socket);
        var handle = await Hypervisor().InspectAsync(VmId.Parse("fake"), qemu.Handle.Control, default).InTime();
        var vm = await Hypervisor().ConnectAsync(handle, _ => { }, default).InTime();
        await vm.SetPluggedAsync(MemorySize.FromMiB(128), default).InTime();
        await vm.SetBalloonedAsync(MemorySize.FromMiB(16), default).InTime();
        await vm.DisposeAsync();

        string[] reads = ["query-", "qom-get", "qom-list", "human-monitor-command"];
        var changes = qemu.Heard.Where(h => !reads.Any(r => h.StartsWith(r, StringComparison.Ordinal))).ToList();
        Assert.Equal(4, changes.Count);
        Assert.Contains("guest-stats-polling-interval\",\"value\":1}", changes[0], StringComparison.Ordinal);
        Assert.Contains("requested-size", changes[1], StringComparison.Ordinal);
        Assert.StartsWith("balloon ", changes[2], StringComparison.Ordinal);
        Assert.Contains("guest-stats-polling-interval\",\"value\":0}", changes[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_QEMU_that_does_not_answer_holds_nobody_up()
    {
        await using var qemu = new FakeQemu(Socket);
        var handle = await Hypervisor().InspectAsync(VmId.Parse("fake"), qemu.Handle.Control, default).InTime();
        var vm = await Hypervisor().ConnectAsync(handle, _ => { }, default).InTime();
        qemu.Frozen = true;

        await vm.DisposeAsync().AsTask().InTime();

        Assert.Equal(2, qemu.Count("qom-set"));
    }

    [Fact]
    public async Task An_adopter_is_told_that_DMM_keeps_the_monitor()
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);

        var remark = Assert.Single(vm.Remarks);
        Assert.Contains($"DMM keeps the monitor {Socket}", remark, StringComparison.Ordinal);
        Assert.Contains("-qmp unix:PATH,server=on,wait=off", remark, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/run/libvirt/qemu/vm.monitor", "libvirt can't reach the VM")]
    [InlineData("/var/lib/libvirt/qemu/domain-1-vm/monitor.sock", "libvirt can't reach the VM")]
    [InlineData("/var/run/qemu-server/100.qmp", "Proxmox VE can't reach the VM")]
    [InlineData("/run/libvirtual/q.sock", "QEMU answers nobody else there")]
    public void A_monitor_of_another_manager_is_named(string path, string expected) =>
        Assert.Contains(expected, MonitorSocket.Remark(path), StringComparison.Ordinal);

    [Theory]
    [InlineData("true", "kvm")]
    [InlineData("false", "tcg")]
    [InlineData(null, null)]
    public async Task The_accelerator_of_each_VM_is_known(string? enabled, string? expected)
    {
        await using var qemu = new FakeQemu(Socket) { KvmEnabled = enabled };
        await using var vm = await ConnectAsync(qemu);

        Assert.Equal(expected, vm.Capabilities.Accelerator);
    }

    [Theory]
    [InlineData("pause", "guest-panicked")]
    [InlineData("run", "running")]
    public async Task A_panic_is_reported_even_if_QEMU_could_not_be_asked_for_it_in_time(string action, string status)
    {
        await using var qemu = new FakeQemu(Socket);
        await using var vm = await ConnectAsync(qemu);
        qemu.Status = status;
        await qemu.TellAsync("GUEST_PANICKED", $$"""{"action": "{{action}}"}""");

        var seen = await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Panicked);
        Assert.Contains("panicked", seen.Why, StringComparison.Ordinal);
        if (status == "running")
            await _observed.FirstAsync<VmObservation.RunState>(r => r.Value == VmRunState.Running && _observed.All[^1] == r, Tick);
    }
}
