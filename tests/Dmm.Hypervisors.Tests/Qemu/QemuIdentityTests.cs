using System.Diagnostics;
using Dmm.Core.Hypervisors;
using Dmm.Core.Lifecycle;
using Dmm.Core.Memory;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu;

/// <summary>Which VM a handle or a socket means, and which it does not.</summary>
public sealed class QemuIdentityTests : IDisposable
{
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Socket => _folder.In("q");

    [Fact]
    public async Task A_handle_of_a_process_that_is_gone_or_of_another_boot_is_a_VM_gone()
    {
        await using var qemu = new FakeQemu(Socket);
        var self = HostProcess.Find(Environment.ProcessId)!;
        var handle = qemu.Handle with { Pid = self.Pid, PidStart = self.Start, BootId = HostProcess.ReadBootId() };

        await using (await TakeUpAsync(handle))
            Assert.Equal(1, qemu.Connections);
        await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle with { PidStart = self.Start + 1 }));
        await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle with { BootId = "other" }));
        Assert.Equal(1, qemu.Connections);
    }

    [Fact]
    public async Task A_socket_that_another_process_has_taken_over_is_not_mistaken()
    {
        await using var qemu = new FakeQemu(Socket);
        using var other = Process.Start("sleep", "600");
        try
        {
            var process = HostProcess.Find(other.Id)!;
            var handle = qemu.Handle with { Pid = process.Pid, PidStart = process.Start, BootId = HostProcess.ReadBootId() };

            var e = await Assert.ThrowsAsync<HypervisorException>(() => TakeUpAsync(handle));

            var expected = $"process {Environment.ProcessId} listens there now, not process {other.Id}";
            Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        }
        finally
        {
            other.Kill();
        }
    }

    [Fact]
    public async Task Inspecting_a_VM_changes_nothing_and_finds_its_agent()
    {
        await using var qemu = new FakeQemu(Socket) { AgentSocket = _folder.In("agent") };

        var handle = await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime();

        Assert.Equal(Boot, handle.Base);
        Assert.Equal(_folder.In("agent"), handle.AgentSocket);
        Assert.Equal(Environment.ProcessId, handle.Pid);
        Assert.False(handle.Owned);
        Assert.Equal(0, qemu.Count("qom-set") + qemu.Count("balloon"));
    }

    [Fact]
    public async Task A_QEMU_that_answers_otherwise_than_known_is_named()
    {
        await using var server = new FakeQmpServer(Socket, async peer =>
        {
            await peer.GreetAsync();
            while (true)
                await peer.ReturnAsync((await peer.ReadAsync()).Id, """{"surprise": 1}""");
        });

        var e = await Assert.ThrowsAsync<HypervisorException>(() => Hypervisor().InspectAsync(VmId.Parse("x"), Socket, default).InTime());

        Assert.Contains("QEMU answered no list: {\"surprise\": 1}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_an_adopted_VMs_socket_is_a_VM_gone()
    {
        VmHandle handle;
        await using (var qemu = new FakeQemu(Socket))
            handle = qemu.Handle;

        await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle));
    }

    [Theory]
    [InlineData(true, true, true, EndCause.Failed)]
    [InlineData(true, false, true, EndCause.PoweredDown)]
    [InlineData(false, false, true, EndCause.HostRestarted)]
    [InlineData(true, false, false, EndCause.Failed)]
    public async Task What_a_VM_that_is_gone_has_left_tells_how_it_ended(bool thisBoot, bool pidFile, bool folderStands, EndCause cause)
    {
        var folder = new VmFolder(_folder.In("vms/one"));
        if (folderStands)
            folder.Create([]);
        if (pidFile)
            File.WriteAllText(folder.PidFile, "4194305\n");
        var handle = new VmHandle(
            VmId.Parse("one"), "qemu", Boot, folder.Control, 4_194_305, 1, thisBoot ? HostProcess.ReadBootId() : "another", Owned: true);

        var gone = await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle));

        Assert.Equal(cause, gone.Cause);
        Assert.False(Directory.Exists(folder.Path));
    }

    private Task<IVirtualMachine> TakeUpAsync(VmHandle handle) => Hypervisor().ConnectAsync(handle, _ => { }, default).InTime();

    private QemuHypervisor Hypervisor() =>
        new(new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg }, TimeProvider.System);
}
