using Dmm.Core;
using Dmm.Hypervisors.Qemu;
using Dmm.Hypervisors.Qemu.Devices;

namespace Dmm.Hypervisors.Tests.Qemu.Devices;

/// <summary>Tests the memory that a process costs and may cost, on folders that stand for /proc and /sys.</summary>
public sealed class CostTests : IDisposable
{
    private const int Pid = 4711;

    private readonly TestFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void The_tightest_group_above_a_process_is_its_limit()
    {
        Write($"proc/{Pid}/cgroup", "0::/machine/vm\n");
        Group("sys/fs/cgroup/machine/vm", "max", 900);
        Group("sys/fs/cgroup/machine", "4294967296", 4000);
        Group("sys/fs/cgroup", "17179869184", 5000);
        Assert.Equal(MemorySize.FromMiB(96), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void A_limit_that_slows_down_counts_like_one_that_kills()
    {
        Write($"proc/{Pid}/cgroup", "0::/machine/vm\n");
        Group("sys/fs/cgroup/machine/vm", "max", 900);
        Group("sys/fs/cgroup/machine", "4294967296", 900);
        Write("sys/fs/cgroup/machine/memory.high", "1073741824\n");
        Assert.Equal(MemorySize.FromMiB(124), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void What_DMM_itself_bounds_a_vm_to_is_no_limit_to_what_it_may_get()
    {
        Write($"proc/{Pid}/cgroup", "0::/dmm.slice/dmm-vm-web-0123456789abcdef.scope/vm\n");
        Group("sys/fs/cgroup/dmm.slice/dmm-vm-web-0123456789abcdef.scope/vm", "1073741824", 900);
        Write("sys/fs/cgroup/dmm.slice/dmm-vm-web-0123456789abcdef.scope/vm/memory.high", "943718400\n");
        Assert.Null(ControlGroups.RoomOf(Pid, _root.Path));
        Group("sys/fs/cgroup/dmm.slice", "2147483648", 1000);
        Assert.Equal(MemorySize.FromMiB(1048), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void File_pages_not_used_lately_are_taken_before_the_process_is_killed()
    {
        Write($"proc/{Pid}/cgroup", "0::/vm\n");
        Group("sys/fs/cgroup/vm", "1073741824", 1000, inactiveFileMiB: 300);
        Assert.Equal(MemorySize.FromMiB(324), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void A_group_beyond_its_limit_has_no_room()
    {
        Write($"proc/{Pid}/cgroup", "0::/vm\n");
        Group("sys/fs/cgroup/vm", "1073741824", 1100);
        Assert.Equal(MemorySize.Zero, ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void Version_1_is_read_as_well_and_its_largest_number_means_none()
    {
        Write($"proc/{Pid}/cgroup", "11:cpu,cpuacct:/a\n10:memory:/docker/b\n0::/\n");
        Write("sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes", "536870912\n");
        Write("sys/fs/cgroup/memory/docker/b/memory.usage_in_bytes", "268435456\n");
        Write("sys/fs/cgroup/memory/docker/b/memory.stat", "inactive_file 1\ntotal_inactive_file 4194304\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "9868435456\n");
        Assert.Equal(MemorySize.FromMiB(260), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Theory]
    [InlineData("0::/\n")]
    [InlineData("0::/vm\n")]
    [InlineData("0::/../../elsewhere\n")]
    [InlineData("garbage\n")]
    public void Without_a_limit_there_is_none(string groups)
    {
        Write($"proc/{Pid}/cgroup", groups);
        Group("sys/fs/cgroup/vm", "max", 900);
        Assert.Null(ControlGroups.RoomOf(Pid, _root.Path));
        Assert.Null(ControlGroups.RoomOf(Pid + 1, _root.Path));
    }

    [Fact]
    public void A_path_out_of_sight_starts_at_what_is_seen()
    {
        Write($"proc/{Pid}/cgroup", "0::/../vm\n");
        Group("sys/fs/cgroup", "1073741824", 1000);
        Assert.Equal(MemorySize.FromMiB(24), ControlGroups.RoomOf(Pid, _root.Path));
    }

    [Fact]
    public void What_lies_in_the_guests_memory_is_told_apart_by_address()
    {
        string[] smaps =
        [
            "7f0000000000-7f0010000000 rw-p 00000000 00:00 0 ", "Size: 262144 kB", "Pss:  200000 kB", "Pss_Dirty: 200000 kB",
            "7f1000000000-7f1000001000 rw-p 00000000 00:00 0 ", "Pss:   300 kB",
            "7f2000000000-7f2000400000 rw-s 00000000 00:00 0 ", "Pss:  1000 kB",
            "7f2000400000-7f2008000000 rw-p 00000000 00:00 0 ", "Pss:  5000 kB",
            "7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0 [stack]", "Pss:    20 kB",
        ];
        ProcessMaps.Range[] ranges = [new(0x7f0000000000, 0x7f0010000000), new(0x7f2000000000, 0x7f2008000000)];
        Assert.Equal(MemorySize.FromKiB(320), ProcessMaps.Outside(ranges, smaps));
        Assert.Null(ProcessMaps.Outside([.. ranges, new(0x7f3000000000, 0x7f3000001000)], smaps));
        Assert.Equal(MemorySize.FromKiB(206320), ProcessMaps.Resident(smaps));
        Assert.Equal(MemorySize.FromKiB(776), ProcessMaps.PageTables(["VmRSS:  1 kB", "VmPTE:	     776 kB"]));
        Assert.Equal(0x7f2813e00000UL, ProcessMaps.HostAddress("Host virtual address for 0x500000000 (hotplug1) is 0x7f2813e00000\r\n"));
        Assert.Null(ProcessMaps.HostAddress("No memory is mapped at address 0x1"));
    }

    private void Group(string folder, string limit, long usedMiB, long inactiveFileMiB = 0)
    {
        Write($"{folder}/memory.max", limit + "\n");
        Write($"{folder}/memory.current", $"{usedMiB << 20}\n");
        Write($"{folder}/memory.stat", $"anon 5\nfile 7\ninactive_file {inactiveFileMiB << 20}\nactive_file 9\n");
    }

    private void Write(string path, string text)
    {
        var file = _root.In(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
