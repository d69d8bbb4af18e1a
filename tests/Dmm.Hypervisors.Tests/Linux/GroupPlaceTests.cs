using Dmm.Core;
using Dmm.Hypervisors.Linux;
using Dmm.Hypervisors.Tests.Qemu;

namespace Dmm.Hypervisors.Tests.Linux;

/// <summary>Tests where VMs get their groups, on folders that stand for hosts of several kinds.</summary>
public sealed class GroupPlaceTests : IDisposable
{
    private readonly TestFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void A_host_with_systemd_gives_each_vm_a_scope()
    {
        Systemd();
        Unified("cpu memory pids");
        Assert.Equal(new(GroupWay.Scope, null, null), Find("auto"));
    }

    [Fact]
    public void A_scope_is_had_for_its_other_sake_where_memory_is_in_version_1()
    {
        Systemd();
        Unified("cpu");
        var place = Find("auto");
        Assert.Equal(GroupWay.Scope, place.Way);
        Assert.Contains("does not name memory: this host has the memory controller in version 1", place.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_without_systemd_has_a_folder_of_DMMs_own_where_memory_is_given()
    {
        Unified("cpu memory", subtree: "memory");
        Assert.Equal(new(GroupWay.Folder, _root.In("sys/fs/cgroup/dmm"), null), Find("auto"));
    }

    [Fact]
    public void A_group_that_others_made_is_never_changed_to_give_memory()
    {
        Unified("cpu memory", subtree: "cpu");
        var place = Find("auto");
        Assert.Equal(GroupWay.None, place.Way);
        Assert.Contains("cgroup.subtree_control does not name memory", place.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_that_is_named_is_used_if_it_has_the_memory_controller()
    {
        Unified("cpu memory");
        _root.Tree("sys/fs/cgroup/mine/cgroup.controllers", "memory\n");
        Assert.Equal(new(GroupWay.Folder, _root.In("sys/fs/cgroup/mine"), null), Find("/sys/fs/cgroup/mine"));
        _root.Tree("sys/fs/cgroup/mine/cgroup.controllers", "\n");
        Assert.Contains("mine/cgroup.controllers does not name memory", Find("/sys/fs/cgroup/mine").Why, StringComparison.Ordinal);
        Assert.Contains("is not below", Find("/srv/mine").Why, StringComparison.Ordinal);
        Assert.Contains(
            "is not in a hierarchy of control groups of version 2", Find("/sys/fs/cgroup/no/mine").Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_rights_or_the_will_there_are_none()
    {
        Systemd();
        Unified("memory", subtree: "memory");
        Assert.Equal("dmm.qemu.groups is off", Find("off").Why);
        var place = GroupPlace.Find("auto", _root.Path, privileged: false);
        Assert.Equal(GroupWay.None, place.Way);
        Assert.Contains("does not run as root", place.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_2_is_found_beside_version_1()
    {
        _root.Tree("proc/self/mountinfo",
            "24 1 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            + "25 1 0:23 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 c rw\n");
        Assert.Equal(_root.In("sys/fs/cgroup/unified"), GroupTree.Mount(_root.Path));
    }

    [Fact]
    public void What_limits_the_daemon_alone_does_not_limit_vms_in_groups_of_their_own()
    {
        Systemd();
        Unified("memory");
        _root.Tree("proc/self/cgroup", "0::/system.slice/dmmd.service\n");
        _root.Tree("sys/fs/cgroup/system.slice/dmmd.service/memory.max", "1073741824\n");
        _root.Tree("sys/fs/cgroup/dmm.slice/memory.high", "8589934592\n");

        Assert.Equal([new("/dmm.slice", MemorySize.FromGiB(8), MemorySize.FromGiB(8))], Find("auto").Limits(_root.Path));
        Assert.Equal(
            [new("/system.slice/dmmd.service", MemorySize.FromGiB(1), MemorySize.FromGiB(1))], Find("off").Limits(_root.Path));
    }

    private GroupPlace Find(string setting) => GroupPlace.Find(setting, _root.Path, privileged: true);

    private void Systemd() => Directory.CreateDirectory(_root.In("run/systemd/system"));

    private void Unified(string controllers, string subtree = "")
    {
        _root.Tree("sys/fs/cgroup/cgroup.controllers", controllers + "\n");
        _root.Tree("sys/fs/cgroup/cgroup.subtree_control", subtree + "\n");
    }
}
