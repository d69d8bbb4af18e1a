using System.Collections.Concurrent;
using System.Diagnostics;
using Dmm.Core;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Launch;

namespace Dmm.Hypervisors.Tests.Qemu.Launch;

/// <summary>Launches real processes into groups that are plain folders, with a script in the place of systemd-run.</summary>
public sealed class LaunchLineTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly ConcurrentQueue<string> _log = [];

    public void Dispose()
    {
        foreach (var left in HostProcess.With("-pidfile", Folder.PidFile))
            left.Kill();
        _folder.Dispose();
    }

    private VmSpec Spec => new()
    {
        Id = VmId.Parse("one"),
        Policy = new(MemorySize.FromMiB(128), MemorySize.FromGiB(2), Shares: 10),
        Boot = MemorySize.FromMiB(256),
        Cpus = 4,
        Medium = new BootMedium.KernelBoot(_folder.In("qemu"), null, null),
    };

    private VmFolder Folder => new(_folder.In("vms/one"));

    [Fact]
    public async Task A_vm_is_put_into_its_scope_before_it_is_QEMU()
    {
        Directory.CreateDirectory(_folder.In("root/run/systemd/system"));
        _folder.Tree("root/sys/fs/cgroup/cgroup.controllers", "memory\n");
        var qemu = Hypervisor("auto");

        var handle = await LaunchAsync(qemu);

        var words = File.ReadAllLines(_folder.In("systemd-run.said"));
        Assert.Equal(
            [
                "--scope", "--quiet", "--collect", "--slice=dmm.slice", "Delegate=yes", "TasksMax=1028", "ManagedOOMPreference=avoid",
                "MemoryMin=134217728",
            ],
            words.Where(w => w is not "-p" && !w.StartsWith("--unit", StringComparison.Ordinal)
                && (w.StartsWith("--", StringComparison.Ordinal) || w.Contains('=', StringComparison.Ordinal)) && w != "--description"));
        var scope = Directory.GetDirectories(_folder.In("root/sys/fs/cgroup/dmm.slice")).Single();
        Assert.Matches(@"/dmm-vm-one-[0-9a-f]{16}\.scope$", scope);
        Assert.Equal($"{handle.Pid}", File.ReadAllText(Path.Combine(scope, "vm/cgroup.procs")).Trim());
        Assert.Equal("+memory", File.ReadAllText(Path.Combine(scope, "cgroup.subtree_control")).Trim());
        Assert.Equal("667", File.ReadAllText($"/proc/{handle.Pid}/oom_score_adj").Trim());
        Assert.Empty(_log);
    }

    [Fact]
    public async Task A_systemd_that_gives_no_scope_is_said_and_the_vm_runs()
    {
        Directory.CreateDirectory(_folder.In("root/run/systemd/system"));
        _folder.Tree("root/sys/fs/cgroup/cgroup.controllers", "memory\n");
        _folder.Tree("root/proc/self/cgroup", "0::/system.slice/dmmd.service\n");

        var handle = await LaunchAsync(Hypervisor("auto", systemd: "exec \"$@\""));

        Assert.True(new HostProcess(handle.Pid!.Value, handle.PidStart!.Value).IsAlive());
        Assert.Contains(_log, l => l.Contains("systemd put it into", StringComparison.Ordinal));
        Assert.False(Directory.Exists(_folder.In("root/sys/fs/cgroup/system.slice")));
    }

    [Fact]
    public async Task A_vm_is_put_into_a_folder_below_DMMs_own_and_empty_ones_of_earlier_runs_are_removed()
    {
        _folder.Tree("root/sys/fs/cgroup/dmm/cgroup.controllers", "memory\n");
        _folder.Tree("root/sys/fs/cgroup/dmm/cgroup.subtree_control", "\n");
        var mark = VmGroup.Mark(_folder.Path);
        var (left, used, other) = ($"dmm-vm-old-{mark}00000000", $"dmm-vm-two-{mark}00000000", "dmm-vm-old-ffffffff00000000");
        Directory.CreateDirectory(_folder.In($"root/sys/fs/cgroup/dmm/{left}"));
        Directory.CreateDirectory(_folder.In($"root/sys/fs/cgroup/dmm/{other}"));
        _folder.Tree($"root/sys/fs/cgroup/dmm/{used}/cgroup.procs", "1\n");

        var handle = await LaunchAsync(Hypervisor("/sys/fs/cgroup/dmm"));

        Assert.Equal("+memory", File.ReadAllText(_folder.In("root/sys/fs/cgroup/dmm/cgroup.subtree_control")).Trim());
        var groups = Directory.GetDirectories(_folder.In("root/sys/fs/cgroup/dmm")).Select(g => Path.GetFileName(g)!).ToList();
        Assert.DoesNotContain(left, groups);
        Assert.Contains(used, groups);
        Assert.Contains(other, groups);
        var own = Assert.Single(groups, g => g.StartsWith("dmm-vm-one-", StringComparison.Ordinal));
        Assert.Equal($"{handle.Pid}", File.ReadAllText(_folder.In($"root/sys/fs/cgroup/dmm/{own}/cgroup.procs")).Trim());
    }

    [Fact]
    public async Task A_group_that_can_not_be_made_is_said_and_the_vm_runs_without()
    {
        _folder.Tree("root/sys/fs/cgroup/dmm/cgroup.controllers", "memory\n");
        Directory.CreateDirectory(_folder.In("root/sys/fs/cgroup/dmm/cgroup.subtree_control"));

        var handle = await LaunchAsync(Hypervisor("/sys/fs/cgroup/dmm"));

        Assert.True(new HostProcess(handle.Pid!.Value, handle.PidStart!.Value).IsAlive());
        Assert.Contains(_log, l => l.Contains("'+memory' could not be written: Is a directory", StringComparison.Ordinal));
        var groups = new VmGroups(Settings("/sys/fs/cgroup/dmm", ""), _log.Enqueue);
        Assert.NotNull(groups.Of(handle).Why);
        Assert.Null(groups.Of(handle).Group);
        Assert.Contains("DMM did not launch it", groups.Of(handle with { Owned = false }).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_daemon_finds_the_group_of_a_vm_again_and_one_without_memory_is_told()
    {
        var handle = await LaunchAsync(Hypervisor("off"));
        var name = $"dmm-vm-one-{VmGroup.Mark(_folder.Path)}00000000";
        _folder.Tree($"root/proc/{handle.Pid}/cgroup", $"0::/dmm/{name}\n");
        var groups = new VmGroups(Settings("off", ""), _log.Enqueue);

        Assert.Contains("does not count memory", groups.Of(handle).Why, StringComparison.Ordinal);
        _folder.Tree($"root/sys/fs/cgroup/dmm/{name}/memory.current", "0\n");
        Assert.Equal(($"/dmm/{name}", null), (groups.Of(handle).Group?.Name, groups.Of(handle).Why));
    }

    [Fact]
    public async Task A_launch_that_has_not_come_as_far_as_QEMU_is_waited_for_by_the_next_daemon()
    {
        Directory.CreateDirectory(_folder.In("root/run/systemd/system"));
        Folder.Create([]);
        var gate = _folder.In("gate");
        var settings = Settings("auto", $$"""until [ -e "{{gate}}" ]; do sleep 0.02; done; exec "$@" """);
        var line = LaunchLine.Build(
            Spec, settings, null, new VmGroups(settings, _log.Enqueue).Prepare(Spec), ["-pidfile", Folder.PidFile]);
        using var ofDeadDaemon = Process.Start(line[0], line.Skip(1));

        var found = new QemuHypervisor(settings, TimeProvider.System, _log.Enqueue).FindAsync(Spec, default);
        await Eventually.UntilAsync(() => HostProcess.With("-pidfile", Folder.PidFile).Any(), "the program before QEMU");
        File.WriteAllText(gate, "");
        await using var qmp = await FakeProgram.GreetAsync(Folder);

        Assert.Equal(ofDeadDaemon.Id, (await found.InTime())!.Pid);
    }

    [Theory]
    [InlineData("#!/bin/bash")]
    [InlineData("#!/bin/bash -e")]
    public async Task A_binary_that_is_a_script_is_waited_for_until_it_has_become_QEMU(string first)
    {
        var gate = _folder.In("gate");
        var settings = Settings("off", "");
        FakeProgram.Write(_folder, $": > {gate}.reached; read < {gate}; serve");
        File.WriteAllText(settings.Binary, first + File.ReadAllText(settings.Binary)["#!/bin/bash".Length..]);
        Process.Start("mkfifo", [gate]).WaitForExit();
        Folder.Create([]);
        using var ofDeadDaemon = Process.Start(settings.Binary, ["-pidfile", Folder.PidFile]);
        await Eventually.UntilAsync(() => File.Exists(gate + ".reached"), "the script");

        var found = new QemuHypervisor(settings, TimeProvider.System, _log.Enqueue).FindAsync(Spec, default);
        await File.WriteAllTextAsync(gate, "\n");
        await using var qmp = await FakeProgram.GreetAsync(Folder);

        Assert.Equal(ofDeadDaemon.Id, (await found.InTime())!.Pid);
    }

    [Theory]
    [InlineData(1, 800)]
    [InlineData(10, 667)]
    [InlineData(VmPolicy.DefaultShares, 400)]
    [InlineData(VmPolicy.MaxShares, 0)]
    public void Fewer_shares_are_ended_first_when_the_host_runs_out_of_memory(int shares, int score) =>
        Assert.Equal(score, OomScore.Of(shares));

    private async Task<VmHandle> LaunchAsync(QemuHypervisor qemu)
    {
        var launching = qemu.LaunchAsync(Spec, default);
        await using var qmp = await FakeProgram.GreetAsync(Folder);
        return await launching.InTime();
    }

    private QemuHypervisor Hypervisor(string groups, string? systemd = null) => new(
        Settings(groups, systemd ??
            $$"""
            printf '%s\n' "${words[@]}" > "{{_folder.In("systemd-run.said")}}"
            mkdir -p "{{_folder.In("root/proc/self")}}" "{{_folder.In("root/sys/fs/cgroup/dmm.slice")}}/$unit"
            echo "0::/dmm.slice/$unit" > "{{_folder.In("root/proc/self/cgroup")}}"
            exec "$@"
            """),
        TimeProvider.System,
        _log.Enqueue);

    private QemuSettings Settings(string groups, string systemd)
    {
        var run = _folder.File(
            "systemd-run",
            $$"""
            #!/bin/bash
            words=()
            while [ "$1" != "--" ]; do words+=("$1"); case $1 in --unit=*) unit=${1#--unit=} ;; esac; shift; done
            shift
            {{systemd}}
            """);
        File.SetUnixFileMode(run, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new()
        {
            StateDirectory = _folder.Path,
            Binary = FakeProgram.Write(_folder, "serve"),
            Accel = QemuAccel.Tcg,
            LaunchDeadline = Eventually.Deadline,
            Groups = groups,
            Root = _folder.In("root"),
            IsPrivileged = true,
            SystemdRun = run,
        };
    }
}
