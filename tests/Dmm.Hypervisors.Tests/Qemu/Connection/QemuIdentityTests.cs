using System.Diagnostics;
using System.Runtime.InteropServices;
using Dmm.Core;
using Dmm.Core.Lifecycle;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Connection;

/// <summary>Tests which VM a handle or a socket means.</summary>
public sealed class QemuIdentityTests : IDisposable
{
    private static readonly MemorySize Boot = MemorySize.FromMiB(256);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Socket => _folder.In("q");

    [Fact]
    public async Task A_handle_of_a_process_that_is_gone_or_of_another_boot_is_a_VM_gone()
    {
        using var memory = new Mapping(Boot);
        await using var qemu = new FakeQemu(Socket) { MemoryAddress = memory.Address };
        _binary = Environment.ProcessPath!;
        var self = HostProcess.Find(Environment.ProcessId)!;
        var handle = qemu.Handle with { Pid = self.Pid, PidStart = self.Start, BootId = HostProcess.ReadBootId(), Proved = true };

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
            var handle = qemu.Handle with { Pid = process.Pid, PidStart = process.Start, BootId = HostProcess.ReadBootId(), Proved = true };

            var e = await Assert.ThrowsAsync<HypervisorException>(() => TakeUpAsync(handle));

            Assert.Contains($"process {Environment.ProcessId} (", e.Message, StringComparison.Ordinal);
            Assert.Contains($" listens there now, not process {other.Id}", e.Message, StringComparison.Ordinal);
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

        Assert.Contains("QEMU's answer is not a list: {\"surprise\": 1}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_an_adopted_VMs_socket_is_no_VM_gone_while_its_process_is_not_known()
    {
        VmHandle handle;
        await using (var qemu = new FakeQemu(Socket))
            handle = qemu.Handle;
        _patience = TimeSpan.FromMilliseconds(100);

        var e = await Assert.ThrowsAnyAsync<HypervisorException>(() => TakeUpAsync(handle));

        Assert.IsNotType<VmGoneException>(e);
        Assert.Contains("there is no such socket", e.Message, StringComparison.Ordinal);
        var gone = await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle with { BootId = "another" }));
        Assert.Equal(EndCause.HostRestarted, gone.Cause);
    }

    [Fact]
    public async Task Whoever_listens_at_the_socket_is_not_taken_for_the_VM()
    {
        await using var qemu = new FakeQemu(Socket) { MemoryAddress = 0x7000_0000_0000, Threads = [Environment.ProcessId] };

        var handle = await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime();
        await using var vm = await TakeUpAsync(handle);

        Assert.Equal((null, null, false), (handle.Pid, handle.PidStart, handle.Proved));
        Assert.Equal(HostProcess.ReadBootId(), handle.BootId);
        Assert.Contains($"(process {Environment.ProcessId} (", vm.Doubt, StringComparison.Ordinal);
        Assert.Contains(") listens at " + Socket, vm.Doubt, StringComparison.Ordinal);
        Assert.Equal(vm.Doubt, vm.Capabilities.Lacks[0]);
        Assert.Null(await vm.MeasureAsync(default));
        Assert.False(handle.IsKnown());
    }

    [Fact]
    public async Task Whoever_listens_and_has_the_guests_memory_is_the_VM_only_if_its_program_is_QEMU()
    {
        using var memory = new Mapping(Boot);
        await using var qemu = new FakeQemu(Socket) { MemoryAddress = memory.Address };

        Assert.Null((await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime()).Pid);
        _binary = Environment.ProcessPath!;
        var handle = await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime();

        Assert.Equal((Environment.ProcessId, true), (handle.Pid, handle.IsKnown()));
    }

    [Fact]
    public async Task The_QEMU_behind_a_proxy_is_found_by_its_threads_and_its_memory()
    {
        using var behind = new StandIn(_folder);
        await using var qemu = Behind(behind);

        var handle = await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime();
        await using var vm = await TakeUpAsync(handle);

        Assert.Equal((behind.Process.Pid, true), (handle.Pid, handle.Proved));
        Assert.Null(vm.Doubt);
        Assert.Equal(handle, vm.Identity);
    }

    [Theory]
    [InlineData(4096, 1)]
    [InlineData(0, 2)]
    public async Task One_that_has_other_memory_or_less_of_it_is_not_taken_for_the_VM(long away, int times)
    {
        using var another = new StandIn(_folder);
        await using var qemu = new FakeQemu(Socket)
        {
            MemoryAddress = another.Address - (ulong)away,
            Threads = [another.Process.Pid],
            BootBytes = another.Size.Bytes * times,
            HasVirtioMem = false,
            HasBalloon = false,
        };

        Assert.Null((await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime()).Pid);
    }

    [Fact]
    public async Task A_proxy_that_dies_is_a_connection_lost_and_the_end_of_the_process_behind_it_is_seen_though_the_proxy_lives()
    {
        using var behind = new StandIn(_folder);
        var qemu = Behind(behind);
        var (first, second) = (new Observed(), new Observed());
        var handle = await Hypervisor().InspectAsync(VmId.Parse("theirs"), Socket, default).InTime();
        await using (var vm = await TakeUpAsync(handle, first.Take))
        {
            await qemu.DisposeAsync();
            await first.FirstAsync<VmObservation.ConnectionLost>();
        }

        await using var again = Behind(behind);
        await using var taken = await TakeUpAsync(handle, second.Take);
        behind.Process.Kill();
        await second.FirstAsync<VmObservation.Ended>();

        Assert.Empty(first.Of<VmObservation.Ended>());
        Assert.Empty(second.Of<VmObservation.ConnectionLost>());
        await Assert.ThrowsAsync<VmGoneException>(() => TakeUpAsync(handle));
    }

    [Fact]
    public async Task A_process_that_an_earlier_release_took_for_the_VM_is_believed_nothing_and_never_ended()
    {
        await using var qemu = new FakeQemu(Socket);
        using var proxy = Process.Start("sleep", "600");
        var process = HostProcess.Find(proxy.Id)!;
        var old = qemu.Handle with { Pid = process.Pid, PidStart = process.Start, BootId = HostProcess.ReadBootId() };

        await using (var vm = await TakeUpAsync(old))
        {
            Assert.Equal((null, null, false), (vm.Identity!.Pid, vm.Identity.PidStart, vm.Identity.Proved));
            Assert.NotNull(vm.Doubt);
        }

        var e = await Assert.ThrowsAsync<HypervisorException>(() => Hypervisor().EndProcessAsync(old, default).InTime());
        Assert.Contains("its process is not known", e.Message, StringComparison.Ordinal);
        Assert.True(process.IsAlive());
        process.Kill();
        await Eventually.UntilAsync(() => !process.IsAlive(), "the proxy is gone");
        await using var still = await TakeUpAsync(old);
        Assert.Null(still.Identity!.Pid);
    }

    [Fact]
    public async Task A_VM_that_can_not_be_reached_is_ended_by_its_process_also_where_that_is_stopped()
    {
        using var wedged = new StandIn(_folder);
        Signal("STOP", wedged.Process);
        var handle = new VmHandle(
            VmId.Parse("wedged"), "qemu", Boot, Socket, wedged.Process.Pid, wedged.Process.Start, HostProcess.ReadBootId(), Owned: false)
        { Proved = true };
        _patience = TimeSpan.FromMilliseconds(200);

        await Hypervisor().EndProcessAsync(handle, default).InTime();

        Assert.Equal(ProcessLook.Gone, wedged.Process.Seen());
        await Hypervisor().EndProcessAsync(handle, default).InTime();
    }

    [Fact]
    public async Task What_was_told_to_end_and_is_not_known_is_not_said_to_be_gone_when_its_proxy_dies()
    {
        var server = new FakeQmpServer(Socket, async peer =>
        {
            await peer.GreetAsync();
            while (true)
            {
                var command = await peer.ReadAsync();
                // The process behind the proxy does not get the command.
                if (command.Name == "quit")
                    return;
                await (command.Name switch
                {
                    "query-memory-size-summary" => peer.ReturnAsync(command.Id, """{"base-memory": 268435456}"""),
                    "query-memory-devices" or "qom-list" or "query-chardev" => peer.ReturnAsync(command.Id, "[]"),
                    "qom-get" => peer.ReturnAsync(command.Id, """{"size": 268435456, "slots": 0, "max-size": 268435456}"""),
                    _ => peer.RefuseAsync(command.Id, "CommandNotFound", "no"),
                });
            }
        });
        var observed = new Observed();
        var handle = new VmHandle(VmId.Parse("x"), "qemu", Boot, Socket, null, null, null, Owned: false);
        await using var vm = await TakeUpAsync(handle, observed.Take);

        var ending = vm.EndAsync(default);
        await server.DisposeAsync();

        var e = await Assert.ThrowsAnyAsync<HypervisorException>(() => ending.InTime());
        Assert.Contains("DMM can't prove that it is gone", e.Message, StringComparison.Ordinal);
        await observed.FirstAsync<VmObservation.ConnectionLost>();
        Assert.Empty(observed.Of<VmObservation.Ended>());
    }

    [Fact]
    public async Task A_process_of_anybody_with_the_same_words_in_its_arguments_is_not_the_VM()
    {
        var folder = new VmFolder(_folder.In("vms/one"));
        folder.Create([]);
        using var impostor =
            Process.Start(new ProcessStartInfo("/bin/bash", ["-c", "read", "-pidfile", folder.PidFile]) { RedirectStandardInput = true })!;
        try
        {
            File.WriteAllText(folder.PidFile, $"{impostor.Id}\n");

            Assert.Empty(Hypervisor().Running());
            Assert.Single(HostProcess.With("-pidfile", folder.PidFile));
        }
        finally
        {
            impostor.Kill();
        }

        await impostor.WaitForExitAsync();
    }

    [Fact]
    public async Task One_that_still_waits_for_its_guest_to_come_is_not_adopted()
    {
        await using var qemu = new FakeQemu(Socket) { Status = "inmigrate" };

        var e = await Assert.ThrowsAsync<HypervisorException>(() => Hypervisor().InspectAsync(VmId.Parse("x"), Socket, default).InTime());

        Assert.Contains("adopt it when its guest runs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task That_a_process_is_gone_is_shown_or_not_said()
    {
        var self = HostProcess.Find(Environment.ProcessId)!;
        using var child = Process.Start("sleep", "600");
        var process = HostProcess.Find(child.Id)!;
        using var hold = ProcessHold.Take(process)!;

        Assert.Equal(ProcessLook.Runs, self.Seen());
        Assert.Equal(ProcessLook.Gone, (self with { Start = self.Start + 1 }).Seen());
        Assert.Equal(ProcessLook.Gone, new HostProcess(4_194_305, 1).Seen());
        Assert.Null(ProcessHold.Take(self with { Start = self.Start + 1 }));
        Assert.Equal(ProcessLook.Runs, hold.Look());
        hold.Kill();
        Assert.Equal(ProcessLook.Gone, await hold.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, default));
        Assert.True(await process.WaitForExitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, default));
    }

    private FakeQemu Behind(StandIn behind) => new(Socket)
    {
        MemoryAddress = behind.Address,
        Threads = [behind.Process.Pid],
        BootBytes = behind.Size.Bytes,
        HasVirtioMem = false,
        HasBalloon = false,
    };

    private static void Signal(string name, HostProcess process)
    {
        using var kill = Process.Start("/bin/kill", [$"-{name}", $"{process.Pid}"]);
        kill.WaitForExit();
    }

    /// <summary>Memory of this process that is never touched.</summary>
    private sealed class Mapping(MemorySize size) : IDisposable
    {
        private readonly nint _start = Marshal.AllocHGlobal((nint)size.Bytes);

        public ulong Address => (ulong)_start;

        public void Dispose() => Marshal.FreeHGlobal(_start);
    }

    /// <summary>A process whose program is named like QEMU, and a part of its memory that stands for a guest's.</summary>
    private sealed class StandIn : IDisposable
    {
        private readonly Process _shell;

        public StandIn(TestFolder folder)
        {
            _shell =
                System.Diagnostics.Process.Start(
                    new ProcessStartInfo(FakeProgram.Shell(folder), ["-c", "read"]) { RedirectStandardInput = true })!;
            Process = HostProcess.Find(_shell.Id)!;
            // Process.Start returns when the child already runs its program, so its maps are final.
            var stack = File.ReadAllLines($"/proc/{_shell.Id}/maps").First(l => l.EndsWith("[stack]", StringComparison.Ordinal));
            var bounds = stack.Split(' ')[0].Split('-');
            Address = Convert.ToUInt64(bounds[0], 16);
            Size = new((long)(Convert.ToUInt64(bounds[1], 16) - Address));
        }

        public HostProcess Process { get; }

        public ulong Address { get; }

        public MemorySize Size { get; }

        public void Dispose()
        {
            Process.Kill();
            _shell.Dispose();
        }
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

    private string _binary = "qemu-system-x86_64";

    private TimeSpan _patience = TimeSpan.FromSeconds(5);

    private Task<IVirtualMachine> TakeUpAsync(VmHandle handle, Action<VmObservation>? observe = null) =>
        Hypervisor().ConnectAsync(handle, observe ?? (_ => { }), default).InTime();

    private QemuHypervisor Hypervisor() => new(
        new QemuSettings { StateDirectory = _folder.Path, Accel = QemuAccel.Tcg, Binary = _binary, CommandDeadline = _patience },
        TimeProvider.System);
}
