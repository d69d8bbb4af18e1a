using System.Collections.Concurrent;
using System.Net.Sockets;
using Dmm.Core;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

public sealed class QemuLauncherTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly ConcurrentQueue<string> _log = [];

    /// <summary>Ends processes that a test has left, found by the pid file that they wrote.</summary>
    public void Dispose()
    {
        foreach (var left in HostProcess.With("-pidfile", Folder.PidFile))
            left.Kill();
        _folder.Dispose();
    }

    private VmSpec Spec => new()
    {
        Id = VmId.Parse("one"),
        Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(2)),
        Boot = MemorySize.FromMiB(256),
        Medium = new BootMedium.KernelBoot(_folder.In("qemu"), null, null),
    };

    private VmFolder Folder => new(_folder.In("vms/one"));

    [Fact]
    public async Task A_launch_that_fails_says_QEMUs_own_words_and_leaves_nothing()
    {
        var qemu = Hypervisor("echo 'qemu: -drive: could not open disk image' >&2; echo 'second line' >&2; exit 1");

        var e = await Assert.ThrowsAsync<HypervisorException>(() => qemu.LaunchAsync(Spec, default).InTime());

        Assert.Equal("QEMU could not start VM 'one': qemu: -drive: could not open disk image; second line", e.Message);
        Assert.False(Directory.Exists(Folder.Path));
    }

    [Fact]
    public async Task A_QEMU_that_dies_without_a_word_is_told_by_its_code()
    {
        var e = await Assert.ThrowsAsync<HypervisorException>(() => Hypervisor("exit 7").LaunchAsync(Spec, default).InTime());

        Assert.Contains("ended with code 7 and no message", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flood_of_words_is_bounded()
    {
        var qemu = Hypervisor("for i in {1..20000}; do echo 'qemu: the same complaint again'; done >&2; exit 1");

        var e = await Assert.ThrowsAsync<HypervisorException>(() => qemu.LaunchAsync(Spec, default).InTime());

        Assert.InRange(e.Message.Length, 100, 1000);
    }

    [Fact]
    public async Task A_QEMU_that_never_sets_itself_up_is_ended_at_the_deadline_()
    {
        var qemu = Hypervisor("serve", TimeSpan.FromSeconds(1));

        var e = await Assert.ThrowsAsync<HypervisorException>(() => qemu.LaunchAsync(Spec, default).InTime());

        Assert.Contains("did not set up VM 'one' within 1 s", e.Message, StringComparison.Ordinal);
        Assert.Empty(HostProcess.With("-pidfile", Folder.PidFile));
        Assert.False(Directory.Exists(Folder.Path));
    }

    [Fact]
    public async Task A_launch_that_is_given_up_leaves_nothing()
    {
        var qemu = Hypervisor("serve");
        using var cancel = new CancellationTokenSource();

        var launching = qemu.LaunchAsync(Spec, cancel.Token);
        await Eventually.UntilAsync(() => Folder.ReadPid() is not null, "the program");
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => launching.InTime());
        Assert.Empty(HostProcess.With("-pidfile", Folder.PidFile));
        Assert.False(Directory.Exists(Folder.Path));
    }

    [Fact]
    public async Task A_launched_VM_has_a_handle_and_a_folder_for_its_owner_alone()
    {
        var handle = await LaunchAsync(Hypervisor("echo 'warning: old cpu' >&2; serve"));

        var process = new HostProcess(handle.Pid!.Value, handle.PidStart!.Value);
        Assert.True(process.IsAlive());
        Assert.Equal(HostProcess.ReadBootId(), handle.BootId);
        Assert.True(handle.Owned);
        Assert.Equal(Folder.Control, handle.Control);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Folder.Path));
        Assert.Contains(_log, l => l.Contains("warning: old cpu", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_VM_holds_nothing_of_what_the_daemon_has_open()
    {
        var open = _folder.File("journal.db");
        using var journal = File.OpenHandle(open, FileMode.Open, FileAccess.ReadWrite);

        var handle = await LaunchAsync(Hypervisor("serve"));

        var held = Directory.EnumerateFileSystemEntries($"/proc/{handle.Pid}/fd").Select(fd => new FileInfo(fd).LinkTarget).ToArray();
        Assert.DoesNotContain(open, held);
        Assert.DoesNotContain(held, target => target?.StartsWith("socket:", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task A_name_that_runs_is_not_launched_again_and_not_harmed()
    {
        var qemu = Hypervisor("serve");
        var handle = await LaunchAsync(qemu);

        var e = await Assert.ThrowsAsync<HypervisorException>(() => qemu.LaunchAsync(Spec, default).InTime());

        Assert.Contains($"already runs here (pid {handle.Pid}", e.Message, StringComparison.Ordinal);
        Assert.True(new HostProcess(handle.Pid!.Value, handle.PidStart!.Value).IsAlive());
        Assert.True(Directory.Exists(Folder.Path));
    }

    [Fact]
    public async Task Two_launches_of_one_name_at_once_do_not_meet()
    {
        var qemu = Hypervisor("serve");
        using var cancel = new CancellationTokenSource();
        var first = qemu.LaunchAsync(Spec, cancel.Token);

        var e = await Assert.ThrowsAsync<HypervisorException>(() => qemu.LaunchAsync(Spec, default).InTime());

        Assert.Contains("is being launched already", e.Message, StringComparison.Ordinal);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.InTime());
    }

    [Fact]
    public async Task A_VM_of_a_daemon_that_died_is_found()
    {
        var handle = await LaunchAsync(Hypervisor("serve"));
        using var control = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        control.Bind(new UnixDomainSocketEndPoint(handle.Control));

        Assert.Equal(handle, await Hypervisor("exit 1").FindAsync(Spec, default).InTime());
    }

    [Fact]
    public async Task Leftovers_of_a_VM_that_is_gone_are_removed_and_a_strangers_file_stays()
    {
        var qemu = Hypervisor("exit 1");
        Assert.Null(await qemu.FindAsync(Spec, default).InTime());

        Folder.Create([]);
        File.WriteAllText(Folder.PidFile, $"{Environment.ProcessId}\n");
        Assert.Null(await qemu.FindAsync(Spec, default).InTime());
        Assert.False(Directory.Exists(Folder.Path));

        Folder.Create([]);
        File.WriteAllText(Path.Combine(Folder.Path, "notes.txt"), "mine");
        Assert.Null(await qemu.FindAsync(Spec, default).InTime());
        Assert.Equal(["notes.txt"], Directory.EnumerateFileSystemEntries(Folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_setting_that_can_not_be_stops_the_driver_with_its_name()
    {
        var settings = new QemuSettings { StateDirectory = "relative" };

        var e = Assert.Throws<HypervisorException>(() => new QemuHypervisor(settings, TimeProvider.System));

        Assert.Equal("dmm.state-dir is 'relative'; it must be an absolute path", e.Message);
    }

    [Fact]
    public async Task A_VM_leads_a_session_of_its_own_and_is_first_to_go_by_its_shares()
    {
        var handle = await LaunchAsync(Hypervisor("serve"));

        var stat = File.ReadAllText($"/proc/{handle.Pid}/stat");
        Assert.Equal($"{handle.Pid}", stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[3]);
        Assert.Equal("400", File.ReadAllText($"/proc/{handle.Pid}/oom_score_adj").Trim());
    }

    [Fact]
    public async Task A_VM_that_ends_leaves_no_zombie_to_its_daemon()
    {
        var handle = await LaunchAsync(Hypervisor("serve"));
        new HostProcess(handle.Pid!.Value, handle.PidStart!.Value).Kill();
        await Eventually.UntilAsync(() => !Directory.Exists($"/proc/{handle.Pid}"), "the end of the process, and of its zombie");
    }

    [Fact]
    public async Task A_VM_that_says_something_when_nobody_reads_it_any_more_runs_on()
    {
        // As in QEMU, the signal of a closed pipe is ignored.
        var said = _folder.In("said");
        var handle = await LaunchAsync(Hypervisor(
            $$"""
            trap '' PIPE
            echo $$ > "$PIDFILE"
            until [ -e "{{said}}" ]; do sleep 0.02; done
            echo 'error: disk' >&2; echo $? > "{{said}}"
            serve
            """));

        await File.WriteAllTextAsync(said, "");
        await Eventually.UntilAsync(() => File.ReadAllText(said).Length > 0, "the attempt to say something");

        Assert.Equal("1", File.ReadAllText(said).Trim());
        Assert.True(new HostProcess(handle.Pid!.Value, handle.PidStart!.Value).IsAlive());
    }

    private async Task<VmHandle> LaunchAsync(QemuHypervisor qemu)
    {
        var launching = qemu.LaunchAsync(Spec, default);
        await using var qmp = await FakeProgram.GreetAsync(Folder);
        return await launching.InTime();
    }

    private QemuHypervisor Hypervisor(string program, TimeSpan? deadline = null) => new(
        new QemuSettings
        {
            StateDirectory = _folder.Path,
            Binary = FakeProgram.Write(_folder, program),
            Accel = QemuAccel.Tcg,
            LaunchDeadline = deadline ?? Eventually.Deadline,
        },
        TimeProvider.System,
        _log.Enqueue);
}
