using Dmm.Core;
using Dmm.Hocon;
using Dmm.Tests;

namespace Dmm.Settings.Tests;

public sealed class HostMemoryTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public HostMemoryTests() => _root.Write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          123456 kB\n");

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Auto_is_all_memory_of_the_host() => Assert.Equal(MemorySize.FromGiB(8), HostMemory.Measure(_root.Path));

    [Fact]
    public void A_limit_of_a_cgroup_above_counts_as_well()
    {
        _root.Write("proc/self/cgroup", "0::/system.slice/dmmd.service\n");
        _root.Write("sys/fs/cgroup/system.slice/dmmd.service/memory.max", "max\n");
        _root.Write("sys/fs/cgroup/system.slice/memory.max", "4294967296\n");

        Assert.Equal(MemorySize.FromGiB(4), HostMemory.Measure(_root.Path));
    }

    [Fact]
    public void A_limit_that_slows_down_counts_as_well()
    {
        _root.Write("proc/self/cgroup", "0::/system.slice/dmmd.service\n");
        _root.Write("sys/fs/cgroup/system.slice/dmmd.service/memory.max", "6442450944\n");
        _root.Write("sys/fs/cgroup/system.slice/dmmd.service/memory.high", "5368709120\n");

        Assert.Equal(MemorySize.FromGiB(5), HostMemory.Measure(_root.Path));
    }

    [Fact]
    public void The_daemons_own_limit_is_none_to_vms_that_are_elsewhere()
    {
        _root.Write("proc/self/cgroup", "0::/system.slice/dmmd.service\n");
        _root.Write("sys/fs/cgroup/system.slice/dmmd.service/memory.max", "1073741824\n");
        _root.Write("sys/fs/cgroup/mine/cgroup.controllers", "memory\n");
        _root.Write("sys/fs/cgroup/mine/memory.max", "6442450944\n");

        Assert.Equal(MemorySize.FromGiB(6), HostMemory.Measure(_root.Path, "/sys/fs/cgroup/mine"));
        Assert.Equal(MemorySize.FromGiB(1), HostMemory.Measure(_root.Path, "off"));
        Assert.Equal("/sys/fs/cgroup/mine", DmmSettings.Parse("dmm.qemu.groups = \"/sys/fs/cgroup/mine/\"", "x").Host.Groups);
    }

    [Fact]
    public void The_limit_of_the_older_cgroups_counts_as_well()
    {
        _root.Write("proc/self/cgroup", "12:cpu,cpuacct:/\n7:memory:/docker/abc\n");
        _root.Write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "2147483648\n");
        _root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        Assert.Equal(MemorySize.FromGiB(2), HostMemory.Measure(_root.Path));
    }

    [Fact]
    public void A_host_that_does_not_tell_needs_a_size()
    {
        _root.Write("proc/meminfo", "nothing\n");

        Assert.EndsWith(
            "has no MemTotal, so dmm.host.memory can't be auto; give it a size",
            Assert.Throws<SettingsException>(() => HostMemory.Measure(_root.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_without_more_than_the_reserve_is_refused()
    {
        var host = DmmSettings.Parse("dmm.host.reserve = 8GiB", "x").Host;

        Assert.Equal(
            "dmm.host.reserve is 8 GiB, but this host (or the daemon's cgroup) has 8 GiB; it must be less",
            Assert.Throws<SettingsException>(() => host.Governed(_root.Path)).Message);
    }

    [Fact]
    public void This_host_has_some() => Assert.True(HostMemory.Measure() > MemorySize.FromMiB(64));
}
