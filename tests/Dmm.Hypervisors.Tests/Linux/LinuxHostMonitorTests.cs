using Dmm.Core;
using Dmm.Core.Hosts;
using Dmm.Core.Ports;
using Dmm.Core.Vms;
using Dmm.Hypervisors.Linux;

namespace Dmm.Hypervisors.Tests.Linux;

public sealed class LinuxHostMonitorTests : IDisposable
{
    private static readonly VmId Web = VmId.Parse("web");
    private readonly string _root = Directory.CreateTempSubdirectory("dmm-watch-").FullName;

    public LinuxHostMonitorTests()
    {
        Write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          123456 kB\nMemAvailable:    2097152 kB\n");
        Write("proc/4711/status",
            "Name:\tqemu\nVmPTE:\t    1024 kB\nRssAnon:\t  524288 kB\nRssFile:\t   30000 kB\nRssShmem:\t    1024 kB\nHugetlbPages:\t    "
                + "   0 kB\n");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task It_tells_the_hosts_memory_and_what_a_vm_holds_without_page_cache()
    {
        Write("proc/pressure/memory", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n");

        var sight = await LookAsync(Handle(4711));

        Assert.Equal((MemorySize.FromGiB(8), MemorySize.FromGiB(2)), (sight.Total, sight.Available));
        Assert.Equal(MemorySize.FromMiB(514), sight.Resident[Web].Size);
        Assert.Equal(new HostStall(0.125, 0.03), sight.Stall);
        Assert.Empty(sight.Groups);
    }

    [Fact]
    public void It_tells_which_boot_of_the_host_this_is()
    {
        Assert.Null(new LinuxHostMonitor(TimeProvider.System, _root).BootId);
        Write("proc/sys/kernel/random/boot_id", "0a1b2c3d\n");
        Assert.Equal("0a1b2c3d", new LinuxHostMonitor(TimeProvider.System, _root).BootId);
    }

    [Fact]
    public async Task A_process_that_is_gone_is_said_to_be_gone_and_a_kernel_without_psi_tells_of_no_stall()
    {
        var sight = await LookAsync(Handle(4712));

        Assert.Empty(sight.Resident);
        Assert.Equal([Web], sight.Gone);
        Assert.Null(sight.Stall);
    }

    [Fact]
    public async Task A_process_that_has_a_vms_pid_after_it_is_not_the_vm()
    {
        Write("proc/4711/stat", Stat("S", 123456));

        var sight = await LookAsync(Handle(4711) with { PidStart = 999 });
        Assert.Empty(sight.Resident);
        Assert.Equal([Web], sight.Gone);
        sight = await LookAsync(Handle(4711) with { PidStart = 123456 });
        Assert.Single(sight.Resident);
        Assert.Empty(sight.Gone);
    }

    /// <summary>
    /// Nothing is known of a VM's memory if its process is not known, its files can't be read, it shows nothing at this moment,
    /// or its first thread has ended while others run.
    /// </summary>
    [Theory]
    [InlineData("no pid")]
    [InlineData("no right to read")]
    [InlineData("nothing in its status")]
    [InlineData("a first thread that has ended")]
    public async Task A_process_that_can_not_be_looked_at_is_neither_there_nor_gone(string how)
    {
        Write("proc/4711/stat", Stat("S", 1));
        var vm = Handle(4711) with { PidStart = 1 };
        switch (how)
        {
            case "no pid":
                vm = Handle(null);
                break;
            case "no right to read":
                File.Delete(Path.Combine(_root, "proc/4711/stat"));
                File.Delete(Path.Combine(_root, "proc/4711/status"));
                break;
            case "nothing in its status":
                Write("proc/4711/status", "Name:\tqemu\nState:\tS (sleeping)\n");
                break;
            case "a first thread that has ended":
                Write("proc/4711/stat", Stat("Z", 1));
                Write("proc/4711/status", "Name:\tqemu\nState:\tZ (zombie)\n");
                Directory.CreateDirectory(Path.Combine(_root, "proc/4711/task/4711"));
                Directory.CreateDirectory(Path.Combine(_root, "proc/4711/task/4712"));
                break;
        }

        var sight = await LookAsync(vm);
        Assert.Empty(sight.Resident);
        Assert.Empty(sight.Gone);
    }

    [Fact]
    public async Task A_husk_and_a_process_of_another_boot_are_gone()
    {
        Write("proc/4711/stat", Stat("Z", 1));
        Write("proc/4711/status", "Name:\tqemu\nState:\tZ (zombie)\n");
        Directory.CreateDirectory(Path.Combine(_root, "proc/4711/task/4711"));
        Assert.Equal([Web], (await LookAsync(Handle(4711) with { PidStart = 1 })).Gone);

        Write("proc/4711/stat", Stat("S", 1));
        Write("proc/sys/kernel/random/boot_id", "b\n");
        Assert.Equal([Web], (await LookAsync(Handle(4711) with { PidStart = 1, BootId = "a" })).Gone);
        Assert.Empty((await LookAsync(Handle(4711) with { PidStart = 1, BootId = "b" })).Gone);
    }

    [Fact]
    public async Task Huge_pages_are_the_vms_own()
    {
        Write("proc/4711/status", "Name:\tqemu\nRssAnon:\t 1024 kB\nHugetlbPages:\t 524288 kB\n");
        Assert.Equal(MemorySize.FromMiB(513), (await LookAsync(Handle(4711))).Resident[Web].Size);
    }

    [Fact]
    public async Task What_a_vm_with_a_group_of_its_own_holds_is_what_is_charged_to_the_group()
    {
        const string Group = "dmm.slice/dmm-vm-web-0123456789abcdef.scope/vm";
        Write("proc/4711/cgroup", $"0::/{Group}\n");
        Assert.Equal(MemorySize.FromMiB(514), (await LookAsync(Handle(4711))).Resident[Web].Size);
        Write($"sys/fs/cgroup/{Group}/memory.current", $"{700L << 20}\n");
        Write($"sys/fs/cgroup/{Group}/memory.stat", $"inactive_file {60L << 20}\nactive_file {40L << 20}\nslab_reclaimable 0\n");
        Assert.Equal(MemorySize.FromMiB(600), (await LookAsync(Handle(4711))).Resident[Web].Size);
    }

    [Fact]
    public async Task Merged_pages_are_told_as_far_as_they_are_the_vms()
    {
        Assert.Equal(MemorySize.Zero, (await LookAsync(Handle(4711))).Merged);
        Write("sys/kernel/mm/ksm/pages_sharing", "1000\n");
        var page = Environment.SystemPageSize;
        // A kernel that does not tell by process: all may be the VMs'.
        Assert.Equal(new(1000L * page), (await LookAsync(Handle(4711))).Merged);
        Write("proc/4711/ksm_merging_pages", "300\n");
        Assert.Equal(new(300L * page), (await LookAsync(Handle(4711))).Merged);
        Write("proc/4711/ksm_merging_pages", "5000\n");
        Assert.Equal(new(1000L * page), (await LookAsync(Handle(4711))).Merged);
        Assert.Equal(MemorySize.Zero, (await LookAsync()).Merged);
    }

    [Fact]
    public async Task A_merged_page_is_charged_to_one_group_alone_so_groups_need_no_correction()
    {
        Write("sys/kernel/mm/ksm/pages_sharing", "1000\n");
        Write("proc/4711/cgroup", "0::/dmm/dmm-vm-web-0123456789abcdef\n");
        Write("sys/fs/cgroup/dmm/dmm-vm-web-0123456789abcdef/memory.current", "4096\n");
        Assert.Equal(MemorySize.Zero, (await LookAsync(Handle(4711))).Merged);
    }

    [Fact]
    public async Task A_process_that_has_just_ended_is_gone_on_this_host()
    {
        using var process = System.Diagnostics.Process.Start("sleep", "60");
        var vm = Handle(process.Id);
        Assert.Empty((await new LinuxHostMonitor(TimeProvider.System).LookAsync([vm], CancellationToken.None)).Gone);
        process.Kill();
        await process.WaitForExitAsync();
        Assert.Equal([Web], (await new LinuxHostMonitor(TimeProvider.System).LookAsync([vm], CancellationToken.None)).Gone);
    }

    [Theory]
    [InlineData("0::/system.slice/dmmd.service", "0::/system.slice/dmmd.service/vms", "sys/fs/cgroup", "memory.max", "memory.current",
        "inactive_file")]
    [InlineData("5:cpu:/\n4:memory:/system.slice/dmmd.service", "4:memory:/system.slice/dmmd.service/vms", "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes", "total_inactive_file")]
    public async Task A_limited_group_above_the_daemon_tells_what_it_has_left_and_which_vms_stand_in_it(
        string own, string vm, string mount, string limit, string usage, string cache)
    {
        Write("proc/self/cgroup", own + "\n");
        Write("proc/4711/cgroup", vm + "\n");
        Write($"{mount}/system.slice/{limit}", "4294967296\n");
        Write($"{mount}/system.slice/{usage}", "3221225472\n");
        Write($"{mount}/system.slice/memory.stat", $"anon 1\n{cache} 536870912\n");
        Write($"{mount}/system.slice/dmmd.service/{limit}", mount.EndsWith("memory", StringComparison.Ordinal) ? "9223372036854771712\n"
            : "max\n");
        Write($"{mount}/system.slice/dmmd.service/{usage}", "1\n");

        var group = Assert.Single((await LookAsync(Handle(4711))).Groups);

        Assert.Equal(("/system.slice", MemorySize.FromGiB(4), MemorySize.FromMiB(1536)), (group.Name, group.Limit, group.Available));
        Assert.Equal([Web], group.Members);
    }

    [Fact]
    public async Task A_vm_of_another_slice_does_not_weigh_on_the_daemons_group()
    {
        Write("proc/self/cgroup", "0::/system\n");
        Write("proc/4711/cgroup", "0::/system-machines\n");
        Write("sys/fs/cgroup/system/memory.max", "4294967296\n");
        Write("sys/fs/cgroup/system/memory.current", "0\n");

        Assert.Empty(Assert.Single((await LookAsync(Handle(4711))).Groups).Members);
    }

    [Fact]
    public async Task A_host_that_does_not_tell_is_a_fault_that_names_the_file()
    {
        Write("proc/meminfo", "nothing\n");
        var fault = await Assert.ThrowsAsync<HypervisorException>(() => LookAsync());
        Assert.Equal($"{_root}/proc/meminfo lacks MemTotal or MemAvailable", fault.Message);
    }

    [Fact]
    public async Task This_host_tells()
    {
        var me = Handle(Environment.ProcessId);
        var sight = await new LinuxHostMonitor(TimeProvider.System).LookAsync([me], CancellationToken.None);
        Assert.True(sight.Total > sight.Available);
        Assert.True(sight.Resident[me.Id].Size > MemorySize.FromMiB(1));
    }

    private Task<HostReading> LookAsync(params VmHandle[] vms) =>
        new LinuxHostMonitor(TimeProvider.System, _root).LookAsync(vms, CancellationToken.None);

    private static string Stat(string state, long start) =>
        $"4711 (of a (strange) name) {state} 1 4711 4711 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {start} 0 0\n";

    private static VmHandle Handle(int? pid) => new(Web, "qemu", MemorySize.FromMiB(256), "", pid, null, null, true);

    private void Write(string file, string text)
    {
        var path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
